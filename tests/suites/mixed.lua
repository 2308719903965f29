-- For wrk: files, ranges, conditions, nothing found, a handler, a body for it, and an end.
-- No HEAD: wrk waits for a body that does not come.
local made = {}
local next_one = 0

function init()
  local function add(method, target, fields, body)
    made[#made + 1] = wrk.format(method, target, fields, body)
  end
  for _ = 1, 8 do
    add("GET", "/hello.txt")
    add("GET", "/page.html", { ["Accept-Encoding"] = "gzip" })
    add("GET", "/alphabet.txt", { ["Range"] = "bytes=3-9" })
    add("GET", "/alphabet.txt", { ["If-Modified-Since"] = "Sun, 13 Sep 2020 12:26:40 GMT" })
    add("GET", "/size-65536.bin")
    add("GET", "/no/file")
    add("POST", "/read", {}, string.rep("b", 1000))
  end
  add("GET", "/hello.txt", { ["Connection"] = "close" })
end

function request()
  next_one = next_one % #made + 1
  return made[next_one]
end
