-- wrk's own figures as one JSON line; no function per request, so it costs nothing.
done = function(summary, latency)
   io.write(string.format(
      'json {"requests": %d, "seconds": %.6f, "bytes": %d, "connect": %d, "read": %d, ' ..
      '"write": %d, "timeout": %d, "status": %d, "p50_us": %d, "p99_us": %d}\n',
      summary.requests, summary.duration / 1e6, summary.bytes, summary.errors.connect,
      summary.errors.read, summary.errors.write, summary.errors.timeout, summary.errors.status,
      latency:percentile(50), latency:percentile(99)))
end
