"""Options of uWSGI that are not supported, part two: sockets, HTTP, routing, static files."""

ROUTES = "requests are not routed by rules; files and the application alone answer"
ROUTER = "there is no router process; http-socket speaks HTTP by itself, without this"
TLS = "there is no TLS; put nginx or haproxy in front"
CACHE = "there is no shared cache"
SUBSCRIPTIONS = "it neither subscribes nor takes subscriptions"
PROTOCOL = "only uwsgi (socket) and HTTP (http-socket) are spoken"
EXPIRES = "answers have Last-Modified and ETag, but no Expires"
SIBLINGS = "see static-siblings, which offers name.br and name.gz"
HEADERS = "headers of answers are left as they are"

ROUTERS = "fastrouter forkptyrouter http rawrouter sslrouter"
ROUTER_NAMES = """buffer-size cheap events fallback gracetime harakiri max-retries processes quiet
    resubscribe ss stats stats-server subscription-server timeout to use-base use-cache
    use-cluster use-code-string use-pattern use-socket workers zerg"""
ROUTER_OWN_NAMES = """http-auto-chunked http-auto-gzip http-chunked-input http-connect-timeout
    http-enable-proxy-protocol http-gid http-headers-timeout http-keepalive http-manage-expect
    http-manage-rtsp http-manage-source http-modifier1 http-modifier2 http-raw-body
    http-resubscribe-bind http-server-name-as-http-host http-stud-prefix
    http-subscription-fallback-key http-subscription-slot http-to-https http-uid http-var
    http-websockets httprouter fastrouter fastrouter-fallback-on-no-key fastrouter-gid
    fastrouter-post-buffering fastrouter-post-buffering-dir fastrouter-resubscribe-bind
    fastrouter-subscription-fallback-key fastrouter-subscription-slot fastrouter-uid rawrouter
    rawrouter-subscription-slot rawrouter-xclient sslrouter-session-context sslrouter-sni
    forkptyrouter forkpty-router forkptyurouter forkpty-urouter forkptyrouter-cmd
    forkptyrouter-command forkptyrouter-cols forkptyrouter-rows forkpty-router-cmd
    forkpty-router-command"""
ROUTE_CHAINS = "route error-route response-route final-route"
ROUTE_TESTS = "host uri qs remote-addr user-agent remote-user referer label if if-not run status"

ROWS: tuple[tuple[str, str], ...] = (
    (
        ROUTES,
        " ".join(
            f"{chain} " + " ".join(f"{chain}-{test}" for test in ROUTE_TESTS.split())
            for chain in ROUTE_CHAINS.split()
        )
        + " router-list routers-list error-page-403 error-page-404 error-page-500",
    ),
    (
        ROUTER,
        " ".join(f"{router}-{name}" for router in ROUTERS.split() for name in ROUTER_NAMES.split()),
    ),
    (ROUTER, ROUTER_OWN_NAMES),
    (
        TLS,
        """https https2 https-socket https-socket-modifier1 https-socket-modifier2
        https-export-cert https-session-context ssl-socket suwsgi-socket sslrouter sslrouter2
        ssl-verbose ssl-verify-depth ssl-sessions-use-cache ssl-session-use-cache
        ssl-sessions-timeout ssl-session-timeout sni sni-dir sni-dir-ciphers ssl-enable3
        ssl-enable-sslv3 ssl-enable-tlsv1 ssl-option sni-regexp ssl-tmp-dir""",
    ),
    (
        PROTOCOL,
        """http-socket-modifier1 http-socket-modifier2 fastcgi-socket fastcgi-nph-socket
        fastcgi-modifier1 fastcgi-modifier2 scgi-socket scgi-nph-socket scgi-modifier1
        scgi-modifier2 raw-socket raw-modifier1 raw-modifier2 puwsgi-socket protocol
        socket-protocol cgi-mode zeromq zmq zeromq-socket zmq-socket mongrel2
        websockets-ping-freq websocket-ping-freq websockets-pong-tolerance
        websocket-pong-tolerance websockets-max-size websocket-max-size chunked-input-limit
        chunked-input-timeout enable-proxy-protocol""",
    ),
    (
        "sockets are shared by all workers, and made in the usual way",
        """shared-socket undeferred-shared-socket abstract-socket freebind map-socket
        no-fd-passing tcp-fast-open tcp-fastopen tcp-fast-open-client tcp-fastopen-client
        so-send-timeout socket-send-timeout so-write-timeout socket-write-timeout
        socket-sndbuf socket-rcvbuf shutdown-sockets reuse-port so-keepalive""",
    ),
    (
        CACHE,
        """cache cache2 cache-blocksize cache-store cache-store-sync cache-no-expire
        cache-expire-freq cache-report-freed-items cache-udp-server cache-udp-node cache-sync
        cache-use-last-modified add-cache-item load-file-in-cache load-file-in-cache-gzip
        check-cache""",
    ),
    (
        SUBSCRIPTIONS,
        """subscription-notify-socket subscriptions-sign-check
        subscriptions-sign-check-tolerance subscriptions-sign-skip-uid
        subscriptions-credentials-check subscriptions-use-credentials subscription-algo
        subscription-dotsplit subscription-mountpoint subscription-mountpoints
        subscription-mountpoints-list subscribe-to st subscribe subscribe2 subscribe-freq
        subscription-tolerance subscription-tolerance-inactive subscription-clear-on-shutdown
        subscription-vassal-required unsubscribe-on-graceful-reload start-unsubscribed
        subscribe-with-modifier1""",
    ),
    (
        EXPIRES,
        """static-expires-type static-expires-type-mtime static-expires static-expires-mtime
        static-expires-uri static-expires-uri-mtime static-expires-path-info
        static-expires-path-info-mtime""",
    ),
    (
        SIBLINGS,
        """static-gzip static-gzip-all static-gzip-dir static-gzip-prefix static-gzip-ext
        static-gzip-suffix""",
    ),
    (
        "DOCUMENT_ROOT of the peer is never acted upon; use check-static",
        "check-static-docroot",
    ),
    ("all files below the docroot are served", "static-skip-ext"),
    (
        "a link that leads out of its docroot is not followed; use static-map for what lies there",
        "static-safe",
    ),
    (
        "open files are kept by file-cache",
        "static-cache-paths static-cache-paths-name",
    ),
    (
        "files are always sent by sendfile, or read when that is quicker",
        "file-serve-mode fileserve-mode disable-sendfile",
    ),
    (
        HEADERS,
        "add-header rem-header del-header collect-header response-header-collect pull-header",
    ),
    ("how uploads fare is not written anywhere", "upload-progress"),
)
