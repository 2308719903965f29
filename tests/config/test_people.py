"""Inis as people have them: each starts, and says what it cannot do."""

from uwoffload.config import Address, Mount

FIRST = """\
[uwsgi]
socket = :3031
check-static = /var/www
offload-threads = 4
"""


def test_the_first_ini_of_the_predecessor_s_documentation(reading):
    settings, warnings = reading(FIRST)
    assert warnings == []
    assert (Address("tcp", "0.0.0.0", 3031),) == settings.socket
    assert ("/var/www",) == settings.check_static
    assert 4 == settings.offload_threads


DJANGO = """\
# mysite_uwsgi.ini
[uwsgi]

# the base directory (full path)
chdir           = /home/ann/mysite
# Django's wsgi file
module          = mysite.wsgi
# the virtualenv (full path)
home            = /home/ann/venv

# process-related settings
master          = true
processes       = 10
# the socket (use the full path to be safe)
socket          = /home/ann/mysite/mysite.sock
# ... with appropriate permissions
chmod-socket    = 664
# clear environment on exit
vacuum          = true
"""


def test_django_behind_nginx(reading):
    settings, warnings = reading(DJANGO)
    assert ["app.ini:7", "app.ini:9"] == [each.partition(": ")[0] for each in warnings]
    assert Address("unix", path="/home/ann/mysite/mysite.sock") == settings.socket[0]
    assert (10, 0o664, True) == (settings.processes, settings.chmod_socket, settings.vacuum)


FLASK = """\
[uwsgi]
module = wsgi:app

master = true
processes = 5

socket = myproject.sock
chmod-socket = 660
vacuum = true

die-on-term = true
"""


def test_flask_as_a_systemd_unit(reading):
    settings, warnings = reading(FLASK)
    assert [
        'app.ini:2: "module" is not supported: no application is loaded; what no file answers is '
        "a 404"
    ] == warnings
    assert Address("unix", path="/srv/app/myproject.sock") == settings.socket[0]


VARIABLES = """\
[uwsgi]
project = shop
username = ann
base = /srv/%(username)

chdir = %(base)/%(project)
home = %(base)/Env/%(project)
module = %(project).wsgi:application

master = true
processes = 5

uid = %(username)
socket = /run/uwsgi/%(project).sock
chown-socket = %(username):www-data
chmod-socket = 660
vacuum = true
static-map = /static=%(base)/%(project)/static
"""


def test_variables_in_everything(reading):
    settings, warnings = reading(VARIABLES)
    assert ["home", "module"] == [each.split('"')[1] for each in warnings]
    assert ("ann", "ann:www-data") == (settings.uid, settings.chown_socket)
    assert (Mount("/static", "/srv/ann/shop/static"),) == settings.static_map
    assert "/run/uwsgi/shop.sock" == settings.socket[0].path


HARDENED = """\
[uwsgi]
strict = true
master = true
enable-threads = true
vacuum = true
single-interpreter = true
die-on-term = true
need-app = true

disable-logging = true
log-4xx = true
log-5xx = true

http-socket = 0.0.0.0:8000
harakiri = 60
py-call-osafterfork = true
max-requests = 1000
max-worker-lifetime = 3600
reload-on-rss = 2048
worker-reload-mercy = 60

cheaper-algo = busyness
processes = 500
cheaper = 8
cheaper-initial = 16
cheaper-overload = 1
cheaper-step = 16
auto-procname = true
procname-prefix = "shop "
"""


def test_strict_settings_for_production(reading):
    settings, warnings = reading(HARDENED.replace("strict = true", ""))
    assert 13 == len(warnings)
    assert (500, 1000, 60.0) == (
        settings.processes,
        settings.max_requests,
        settings.worker_reload_mercy,
    )
    assert settings.need_app and settings.disable_logging


CONTAINER = """\
[uwsgi]
http = :8000
http-keepalive = 1
wsgi-file = /app/wsgi.py
processes = %k
threads = 2
buffer-size = 32768
post-buffering = 8192
limit-post = 10485760
static-map = /static=/app/static
static-map = /media=/app/media
static-expires = /* 7776000
static-gzip-all = true
offload-threads = %k
thunder-lock = true
lazy-apps = true
log-format = %(addr) - %(user) [%(ltime)] "%(method) %(uri) %(proto)" %(status) %(size)
logto = /var/log/app/%n.log
env = DJANGO_SETTINGS_MODULE=shop.settings
if-env = PORT
http-socket = :%(_)
endif =
"""


def test_a_container_with_everything_in_it(reading):
    settings, warnings = reading(CONTAINER, environ={"PORT": "9000"})
    assert [8000, 9000] == [each.port for each in settings.http_socket]
    assert (8, 8, 2) == (settings.processes, settings.offload_threads, settings.threads)
    assert (32768, 10485760) == (settings.buffer_size, settings.limit_post)
    assert "/var/log/app/app.log" == settings.logto
    assert [
        "http-keepalive", "wsgi-file", "static-expires", "static-gzip-all", "lazy-apps",
        "log-format", "env",
    ] == [each.split('"')[1] for each in warnings]  # fmt: skip


STAGES = """\
[common]
chdir = %d
check-static = public
static-index = index.html
static-index = index.htm
[development]
ini = %p:common
http-socket = 127.0.0.1:8080
[production]
ini = %p:common
socket = [::1]:3031
processes = 4
uid = www-data
gid = www-data
pidfile = /run/%n.pid
"""


def test_stages_in_one_file(reading):
    development, _ = reading(STAGES, ini="app.ini:development")
    production, warnings = reading(STAGES, ini="app.ini:production")
    assert warnings == []
    assert ("/srv/app/public",) == development.check_static == production.check_static
    assert ("index.html", "index.htm") == production.static_index
    assert (Address("tcp", "::1", 3031),) == production.socket
    assert "/run/app.pid" == production.pidfile


ROUTED = """\
[uwsgi]
socket=:3031
offload-threads=8
route=^/foo http:127.0.0.1:8080
route=^/bar http:127.0.0.1:8181
"""


def test_routes_are_told_once(reading):
    _, warnings = reading(ROUTED)
    assert [
        'app.ini:4: "route" is not supported: requests are not routed by rules; files and the '
        "application alone answer"
    ] == warnings


VASSAL = """\
[uwsgi]
plugins = python3
virtualenv = $(VENV)
pythonpath = %d..
socket = @%n
touch-reload = %p
stats = 127.0.0.1:9191
stats-http
logger = file:/var/log/%n.log
for = static media
static-map = /%(_)=%d%(_)
endfor =
"""


def test_a_vassal_named_after_its_file(reading):
    settings, warnings = reading(VASSAL)
    assert Address("abstract", path="app") == settings.socket[0]
    assert ["/static=/srv/app/static", "/media=/srv/app/media"] == [
        str(mount) for mount in settings.static_map
    ]
    assert 6 == len(warnings)
