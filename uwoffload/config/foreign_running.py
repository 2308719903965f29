"""Options of uWSGI that are not supported, part one: processes, applications, logs, machinery.

Each row: what the absence means, and the names it is said of.
"""

APPLICATION = "no application is loaded; what no file answers is a 404"
INTERPRETER = "no Python application is loaded, so its interpreter is not set up"
HOOKS = "the hook does not run"
RELOAD_RULE = "workers are replaced after max-requests, on SIGHUP, and when they die; not for this"
WATCH = "nothing is watched; send SIGHUP to reload"
SPOOLER = "there is no spooler; tasks stay where they are"
MULES = "there are no mules"
SIGNALS = "there are no uwsgi signals and timers"
CRON = "nothing is run at set times; use cron, or a systemd timer"
DAEMONS = "no other program is started or watched; let systemd do it"
EMPEROR = "there is no emperor; run one server per ini, as a systemd unit each"
LEGION = "servers know nothing of each other"
CHEAPER = "the number of workers is fixed; `processes` are started at once"
JAIL = "it is not done; let systemd or the container isolate the server"
LOG_FORM = "the access log has one fixed form"
LOG_WHERE = "logs go to stderr or logto"
LOG_ROTATE = "logs are not rotated here; use logrotate"
ALARMS = "there are no alarms"
METRICS = "it is not measured"
LANGUAGE = "only static files are served; this language or protocol plugin does not exist"
TOOL = "this way of being run does not exist; see uwoffload --help"
CONTROL = "send a signal to the process id in pidfile instead"
OTHER_FORMATS = "only ini files are read; nothing of that file counts"

ROWS: tuple[tuple[str, str], ...] = (
    (
        APPLICATION,
        """module wsgi wsgi-file file callable test mount worker-mount eval pump web3 wsgi-lite
        paste pecan ini-paste ini-paste-logged paste-logger lazy lazy-apps no-default-app
        manage-script-name ignore-script-name vhost vhost-host dynamic-apps max-apps
        yaml-app import pyimport py-import python-import shared-import shared-pyimport
        shared-py-import shared-python-import pyrun symcall symcall-use-next symcall-post-fork
        symcall-register-rpc fs-app pyshell pyshell-oneshot python-raw worker-exec worker-exec2
        python-worker-override force-gateway reload-os-env""",
    ),
    (
        INTERPRETER,
        """home virtualenv venv pyhome pythonpath python-path pp python py py-program-name
        py-programname py-executable py-sys-executable pyargv optimize post-pymodule-alias
        pymodule-alias no-site py-sharedarea python-version py-call-osafterfork
        py-call-uwsgi-fork-hooks py-tracebacker wsgi-accept-buffer wsgi-accept-buffers
        wsgi-strict wsgi-disable-file-wrapper wsgi-env-behavior wsgi-env-behaviour
        wsgi-manage-chunked-input start_response-nodelay catch-exceptions
        reload-on-exception reload-on-exception-type reload-on-exception-value
        reload-on-exception-repr exception-handler py-wsgi-close-iterator
        exception-handlers-list""",
    ),
    (
        "code is loaded once; send SIGHUP to reload",
        """py-autoreload py-auto-reload python-autoreload python-auto-reload
        py-auto-reload-ignore py-autoreload-ignore py-auto-reload-on-edit""",
    ),
    (
        "requests have no such core; use threads or processes",
        """async ugreen ugreen-stacksize gevent gevent-monkey-patch gevent-early-monkey-patch
        gevent-wait-for-hub asyncio greenlet loop loop-list loops-list tornado fiber
        coroae coroae-sleep-interval stackless""",
    ),
    (
        "a request may run in Python for as long as it likes",
        """harakiri harakiri-verbose harakiri-no-arh no-harakiri-arh no-harakiri-after-req-hook
        harakiri-graceful-timeout harakiri-graceful-signal harakiri-queue-threshold
        backtrace-depth""",
    ),
    (
        RELOAD_RULE,
        """max-worker-lifetime min-worker-lifetime worker-lifetime max-worker-lifetime-delta
        max-requests-delta reload-on-as reload-on-rss evil-reload-on-as evil-reload-on-rss
        evil-reload-on-uss reload-on-uss mem-collector-freq reload-on-fd brutal-reload-on-fd
        exit-on-reload reaper""",
    ),
    (
        WATCH,
        """touch-reload touch-workers-reload touch-mules-reload touch-spoolers-reload
        touch-chain-reload touch-exec touch-signal fs-reload fs-brutal-reload fs-signal
        check-mountpoint mountpoint-check check-mount mount-check propagate-touch
        hook-touch""",
    ),
    (
        CHEAPER,
        """cheap cheaper cheaper-initial cheaper-algo cheaper-step cheaper-overload
        cheaper-algo-list cheaper-algos-list cheaper-list cheaper-rss-limit-soft
        cheaper-rss-limit-hard cheaper-idle cheaper-busyness-max cheaper-busyness-min
        cheaper-busyness-multiplier cheaper-busyness-penalty cheaper-busyness-verbose
        cheaper-busyness-backlog-alert cheaper-busyness-backlog-multiplier
        cheaper-busyness-backlog-step cheaper-busyness-backlog-nonzero idle die-on-idle
        cheaper-target-wait-share cheaper-target-wait-p99 cheaper-target-shrink-after
        cheaper-target-drain cheaper-target-window""",
    ),
    (
        SPOOLER,
        """spooler spooler-external spooler-ordered spooler-chdir spooler-processes spooler-quiet
        spooler-max-tasks spooler-harakiri spooler-signal-as-task spooler-frequency spooler-freq
        spooler-import spooler-py-import spooler-pyimport spooler-python-import
        spooler-cheap""",
    ),
    (MULES, "mule mules farm mule-msg-size mule-msg-recv-size mule-harakiri mule-reload-mercy"),
    (
        SIGNALS,
        """signal signal-bufsize signals-bufsize signal-timer timer signal-rbtimer rbtimer rpc-max
        locks lock-engine ftok persistent-ipcsem sharedarea queue queue-blocksize queue-store
        queue-store-sync""",
    ),
    (
        CRON,
        """cron cron2 unique-cron cron-harakiri legion-cron cron-legion unique-legion-cron
        unique-cron-legion""",
    ),
    (
        DAEMONS,
        """attach-daemon attach-daemon2 attach-control-daemon smart-attach-daemon
        smart-attach-daemon2 legion-attach-daemon legion-smart-attach-daemon
        legion-smart-attach-daemon2 daemons-honour-stdin""",
    ),
    (
        "it stays in the foreground and logs to stderr; run it as a systemd unit",
        "daemonize daemonize2 honour-stdin",
    ),
    (
        EMPEROR,
        """emperor emperor-proxy-socket emperor-wrapper emperor-wrapper-override
        emperor-wrapper-fallback emperor-nofollow emperor-procname emperor-freq
        emperor-required-heartbeat emperor-curse-tolerance emperor-pidfile emperor-tyrant
        emperor-tyrant-nofollow emperor-tyrant-initgroups emperor-stats emperor-stats-server
        early-emperor emperor-broodlord emperor-throttle emperor-max-throttle
        emperor-magic-exec emperor-on-demand-extension emperor-on-demand-ext
        emperor-on-demand-directory emperor-on-demand-dir emperor-on-demand-exec
        emperor-extra-extension emperor-extra-ext emperor-no-blacklist emperor-use-clone
        emperor-use-fork-server emperor-graceful-shutdown emperor-cap emperor-subreaper
        emperor-attr emperor-collect-attribute emperor-collect-attr emperor-trigger-socket
        emperor-command-socket emperor-wait-for-command vassals-cap vassal-cap
        imperial-monitor-list imperial-monitors-list vassals-inherit vassals-include
        vassals-inherit-before vassals-include-before vassals-start-hook vassals-stop-hook
        vassal-sos vassal-sos-backlog vassals-set vassal-set heartbeat fork-socket fork-server
        zerg zerg-fallback zerg-server zerg-pool zergpool""",
    ),
    (
        LEGION,
        """legion legion-mcast legion-node legion-freq legion-tolerance
        legion-death-on-lord-error legion-skew-tolerance legion-lord legion-unlord legion-setup
        legion-death legion-join legion-node-joined legion-node-left legion-quorum legion-scroll
        legion-scroll-max-size legion-scroll-list-max-size multicast multicast-ttl
        multicast-loop udp snmp snmp-community weight auto-weight cluster cluster-nodes
        cluster-reload cluster-log""",
    ),
    (
        HOOKS,
        """hook-asap hook-pre-jail hook-post-jail hook-in-jail hook-as-root hook-as-user
        hook-as-user-atexit hook-pre-app hook-post-app hook-post-fork hook-accepting
        hook-accepting1 hook-accepting-once hook-accepting1-once hook-master-start
        hook-emperor-start hook-emperor-stop hook-emperor-reload hook-emperor-lost
        hook-as-vassal hook-as-emperor hook-as-mule hook-as-gateway hook-as-on-demand-vassal
        hook-as-on-config-vassal hook-as-emperor-before-vassal hook-as-vassal-before-drop
        hook-as-emperor-setns after-request-hook after-request-call exec-asap exec-pre-jail
        exec-post-jail exec-in-jail exec-as-root exec-as-user exec-as-user-atexit exec-pre-app
        exec-post-app exec-as-vassal exec-as-emperor call-asap call-pre-jail call-post-jail
        call-in-jail call-as-root call-as-user call-as-user-atexit call-pre-app call-post-app
        call-as-vassal call-as-vassal1 call-as-vassal3 call-as-emperor call-as-emperor1
        call-as-emperor2 call-as-emperor4 mount-asap mount-pre-jail mount-post-jail
        mount-in-jail mount-as-root mount-as-vassal mount-as-emperor umount-asap
        umount-pre-jail umount-post-jail umount-in-jail umount-as-root umount-as-vassal
        umount-as-emperor file-write binsh""",
    ),
    (
        "it starts at once",
        """wait-for-interface wait-for-interface-timeout wait-interface wait-interface-timeout
        wait-for-iface wait-for-iface-timeout wait-iface wait-iface-timeout wait-for-fs
        wait-for-file wait-for-dir wait-for-mountpoint wait-for-fs-timeout wait-for-socket
        wait-for-socket-timeout flock flock-wait flock2 flock-wait2""",
    ),
    (
        JAIL,
        """chroot pivot-root pivot_root add-gid immediate-uid immediate-gid no-initgroups cap
        unshare unshare2 setns-socket setns-socket-skip setns-skip setns setns-preopen jailed
        jail jail-ip4 jail-ip6 jidfile jid-file jail2 libjail jail-attach refork re-fork
        refork-as-root re-fork-as-root refork-post-jail re-fork-post-jail cgroup cgroup-opt
        cgroup-dir-mode namespace namespace-keep-mount namespace-net namespace-net-ip ns ns-net
        limit-as limit-nproc drop-after-init drop-after-apps master-as-root prio cpu-affinity
        chdir2 force-cwd""",
    ),
    (
        "the system's defaults hold",
        """ksm never-swap pcre-jit use-abort thread-stacksize threads-stacksize thread-stack-size
        threads-stack-size""",
    ),
    (
        LOG_FORM,
        """log-format logformat log-format-strftime logformat-strftime log-encoder log-req-encoder
        log-prefix logdate log-date log-micros log-x-forwarded-for log-zero log-slow log-4xx
        log-5xx log-big log-sendfile log-ioerror log-drain log-filter memory-report
        body-read-warning peruser-log ignore-sigpipe ignore-write-errors write-errors-tolerance
        write-errors-exception-only disable-write-exception""",
    ),
    (
        LOG_WHERE,
        """logger req-logger logger-req logger-list loggers-list threaded-logger log-socket
        log-syslog log-route log-req-route rsyslog-packet-size rsyslog-split-messages
        log-master log-master-bufsize log-master-stream log-master-req-stream log-stdin
        logfile-chown logfile-chmod""",
    ),
    (
        LOG_ROTATE,
        """log-reopen log-truncate log-maxsize log-backupname touch-logrotate touch-logreopen""",
    ),
    (
        ALARMS,
        """alarm alarm-cheap alarm-freq alarm-fd alarm-segfault segfault-alarm alarm-backlog
        backlog-alarm lq-alarm alarm-lq alarm-listen-queue listen-queue-alarm log-alarm
        alarm-log not-log-alarm not-alarm-log alarm-list alarms-list alarm-msg-size nagios
        pam pam-user""",
    ),
    (
        "there is no stats server; uwoffload stats reads the counters",
        """stats stats-server stats-http stats-minified stats-min stats-no-cores
        stats-no-metrics""",
    ),
    (
        METRICS,
        """enable-metrics metric metric-threshold metric-alarm alarm-metric metrics-dir
        metrics-dir-restore metric-dir metric-dir-restore metrics-no-cores stats-push
        stats-pusher-default-freq stats-pushers-default-freq profiler carbon carbon-freq
        carbon-hostname-dots carbon-hostname-as-key carbon-id carbon-idle-avg carbon-max-retry
        carbon-name-resolve carbon-no-workers carbon-resolve-names carbon-retry-delay
        carbon-root carbon-timeout carbon-use-metrics rrdtool rrdtool-freq rrdtool-lib""",
    ),
    (
        LANGUAGE,
        """cgi cgi-allowed-ext cgi-async-max-attempts cgi-buffer-size cgi-close-stdin-on-eof
        cgi-do-not-kill-on-error cgi-from-docroot cgi-helper cgi-index cgi-loadlib
        cgi-map-helper cgi-optimize cgi-optimized cgi-path-info cgi-safe cgi-timeout cgi-unset
        php-ini php-config php-ini-append php-config-append php-set php-index php-docroot
        php-allowed-docroot php-allowed-ext php-allowed-script php-server-software php-app
        php-app-qs php-fallback php-vars psgi psgi-enable-psgix-io perl-local-lib perl-version
        perl-args perl-arg perl-exec perl-no-die-catch rack rails rbrequire rubyrequire rbshell
        rbthreads ruby-threads gemset rvm rvm-path ruby-gc-freq rb-gc-freq rack-threads
        rb-lib ruby-lib lua lua-load lua-gc-freq go-load jvm-classpath jvm-class jvm-opt
        jwsgi ring-load mono-app mono-index tcl tcl-lib v8-load erlang erlang-cookie
        webdav-add-collection-prop webdav-add-collection-prop-comp
        webdav-add-collection-prop-href webdav-add-object-prop webdav-add-object-prop-comp
        webdav-add-object-prop-href webdav-add-option webdav-add-prop webdav-add-prop-comp
        webdav-add-prop-href webdav-add-rtype-collection-prop webdav-add-rtype-object-prop
        webdav-add-rtype-prop webdav-class-directory webdav-css webdav-div webdav-javascript
        webdav-js webdav-lock-cache webdav-mount webdav-principal-base webdav-skip-prop
        pty-connect pty-exec pty-input pty-log pty-no-isig pty-socket pty-uconnect
        gridfs-mount gridfs-debug glusterfs-mount rados-mount xslt-docroot xslt-ext xslt-var
        xslt-stylesheet xslt-content-type ssi tuntap-device tuntap-device-rule tuntap-router
        tuntap-router-firewall-in tuntap-router-firewall-out tuntap-router-route
        tuntap-router-stats tuntap-use-credentials remap-modifier allowed-modifiers""",
    ),
    (
        CONTROL,
        "master-fifo stop reload pause suspend resume notify-socket connect-and-read extract",
    ),
    (
        OTHER_FORMATS,
        """xml xmlconfig config yaml yml json js sqlite3 sqlite ldap ldap-schema ldap-schema-ldif
        fallback-config inject-before inject-after  """,
    ),
    (
        "the environment stays as it is; set it where the server is started",
        "env envdir early-envdir unenv",
    ),
    ("nothing is printed", "print iprint"),
    (
        "process titles stay as they are",
        """auto-procname procname procname-append procname-master procname-prefix
        procname-prefix-spaced""",
    ),
    (
        TOOL,
        """get declare-option declare-option2 resolve mode dlopen autoload dump-options show-config
        binary-append-data exit cflags dot-h config-py build-plugin version response-headers-limit
        print-sym print-symbol command-mode no-server binary-path privileged-binary-patch
        unprivileged-binary-patch privileged-binary-patch-arg unprivileged-binary-patch-arg help
        usage clock clock-list clocks-list plugins-list plugin-list end-blacklist end-whitelist
        check-interval forkbomb-delay  skip-zero skip-atexit
        skip-atexit-teardown safe-fd fd-safe""",
    ),
)
