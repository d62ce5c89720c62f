"""Render NGINX's configuration from servers, upstreams and the ConfigMap."""

from __future__ import annotations

import hashlib
import re

from annotations import Settings
from model import Location, Server, Upstream

VERSION = "@version@"
"""Stands for the number of the configuration, which NGINX answers once it has loaded it."""
# ConfigMap keys that are read; others are ignored with a line in the log.
CONFIG_KEYS = frozenset(
    {
        "http2", "server-tokens", "ssl-protocols", "ssl-ciphers", "proxy-connect-timeout", "proxy-read-timeout",
        "proxy-send-timeout", "client-max-body-size", "error-log-level", "worker-processes", "worker-connections",
        "keepalive", "external-status-address", "worker-shutdown-timeout", "ssl-redirect", "main-snippets",
        "http-snippets", "worker-rlimit-nofile", "access-log-off", "log-format", "log-format-escaping",
    }
)  # fmt: skip


def is_on(config: dict[str, str], key: str, default: bool = False) -> bool:
    """A boolean of the ConfigMap."""
    return config.get(key, str(default)).lower() in {"true", "1", "t"}


def identifier(upstream: Upstream) -> str:
    """A name that NGINX takes, unique and stable."""
    plain = re.sub(r"[^\w.-]", "-", upstream.name)
    return f"{plain[:80]}-{hashlib.sha256(upstream.name.encode()).hexdigest()[:8]}"


def render(
    servers: list[Server],
    config: dict[str, str],
    default_certificate: bool,
    ports: dict[str, int],
    ipv6: bool = True,
    replicas: int = 0,
) -> str:
    """Return the whole nginx.conf.

    :param replicas: endpoints of the controller's own Service, which share a rate limit; 0: not known.
    """
    upstreams: dict[str, str] = {}
    for server in servers:
        for location in server.locations:
            upstreams[identifier(location.upstream)] = _upstream(location.upstream, server.settings, config)
    parts = [
        _head(config),
        *upstreams.values(),
        *dict.fromkeys(_limit_zone(server, replicas) for server in servers if server.settings.limit),
        _default_server(default_certificate, config),
        *(_server(server, config) for server in servers),
        _status(ports),
        "}",
        # Debian's stream module is loaded above; the real image has it compiled in.
        "stream {\n    log_format main '$remote_addr $status';\n}\n",
    ]
    text = "\n".join(parts)
    return text if ipv6 else "\n".join(line for line in text.splitlines() if "listen [::]:" not in line)


def _optional(directive: str, config: dict[str, str]) -> str:
    """Return a directive that the real template writes only where the ConfigMap has it."""
    value = config.get(directive.replace("_", "-"))
    return f"{directive} {value};\n" if value else ""


def _head(config: dict[str, str]) -> str:
    log = "off" if is_on(config, "access-log-off") else "/dev/stdout main"
    return f"""# Written by the STAND-IN for F5's NGINX Ingress Controller.
load_module modules/ngx_stream_module.so;
load_module modules/ngx_http_js_module.so;
worker_processes {config.get("worker-processes", "auto")};
{_optional("worker_rlimit_nofile", config)}{_optional("worker_shutdown_timeout", config)}daemon off;
error_log stderr {config.get("error-log-level", "notice")};
pid /var/lib/nginx/nginx.pid;
{config.get("main-snippets", "")}
events {{
    worker_connections {config.get("worker-connections", "1024")};
}}
http {{
    include /etc/nginx/mime.types;
    js_import /etc/nginx/njs/apikey_auth.js;
    default_type application/octet-stream;
    {_log_format(config)}
    access_log {log};
    sendfile on;
    keepalive_timeout 75s;
    server_names_hash_bucket_size 256;
    variables_hash_bucket_size 256;
    map_hash_bucket_size 256;
    ssl_protocols {config.get("ssl-protocols", "TLSv1.2 TLSv1.3")};
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    client_body_temp_path /var/lib/nginx/body;
    proxy_temp_path /var/lib/nginx/proxy;
    fastcgi_temp_path /var/lib/nginx/fastcgi;
    uwsgi_temp_path /var/lib/nginx/uwsgi;
    scgi_temp_path /var/lib/nginx/scgi;
    server_tokens {"on" if is_on(config, "server-tokens", True) else "off"};
    {config.get("http-snippets", "")}"""


_LOG_FORMAT = """$remote_addr - $remote_user [$time_local] "$request"
$status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for\""""
"""The real template's own format of the access log (internal/configs/version1/nginx.tmpl)."""


def _log_format(config: dict[str, str]) -> str:
    """Return the format of the access log: lines are quoted without any escaping, so NGINX rejects one with a quote."""
    escaping = config.get("log-format-escaping", "").strip() if "log-format" in config else ""
    lines = config.get("log-format", _LOG_FORMAT).split("\n")
    parts = " ".join(f"'{' ' if index else ''}{line}'" for index, line in enumerate(lines) if line)
    return f"log_format main {f'escape={escaping} ' if escaping else ''}{parts};"


def _upstream(upstream: Upstream, settings: Settings, config: dict[str, str]) -> str:
    name = identifier(upstream)
    lines = [f"    upstream {name} {{", f"        zone {name} 256k;"]
    if settings.lb_method:
        lines.append(f"        {settings.lb_method};")
    if upstream.cookie:
        lines.append(f"        sticky cookie {upstream.cookie};")
    checks = f"max_fails={settings.max_fails} fail_timeout={settings.fail_timeout}"
    # Without an endpoint the real template uses a socket whose server always answers 502.
    for endpoint in upstream.endpoints or ("unix:/var/lib/nginx/nginx-502-server.sock",):
        lines.append(f"        server {endpoint} {checks} max_conns=0;")
    keepalive = settings.keepalive if settings.keepalive is not None else config.get("keepalive")
    if keepalive:
        lines.append(f"        keepalive {keepalive};")
    return "\n".join([*lines, "    }"])


def _limit_zone(server: Server, replicas: int) -> str:
    limit = server.settings.limit
    number, unit = int(limit["rate"][:-3]), limit["rate"][-3:]
    if replicas and limit.get("scale", "").lower() in {"true", "1", "t"}:
        # internal/configs/ingress.go, scaleRatelimit.
        share = number / replicas
        number, unit = (int(share * 60), "r/m") if unit == "r/s" and share < 1 else (int(share), unit)
    return f"    limit_req_zone {limit['key']} zone={server.ingress}:{limit['zone-size']} rate={number}{unit};"


def _limit(server: Server) -> list[str]:
    limit, on = server.settings.limit, {"true", "1", "t"}
    if not limit:
        return []
    burst = f" burst={limit['burst']}" if int(limit.get("burst", "0")) else ""
    delay = f" delay={limit['delay']}" if int(limit.get("delay", "0")) else ""
    delay = " nodelay" if limit.get("no-delay", "").lower() in on else delay
    dry_run = ["            limit_req_dry_run on;"] if limit.get("dry-run", "").lower() in on else []
    return [
        f"            limit_req zone={server.ingress}{burst}{delay};",
        *dry_run,
        f"            limit_req_log_level {limit['log-level']};",
        f"            limit_req_status {limit['reject-code']};",
    ]


def _default_server(certificate: bool, config: dict[str, str]) -> str:
    tls = (
        "ssl_certificate /etc/nginx/secrets/default-server; ssl_certificate_key /etc/nginx/secrets/default-server;"
        if certificate
        else "ssl_reject_handshake on;"
    )
    http2 = "http2 on;" if is_on(config, "http2") else ""
    return f"""    server {{
        listen unix:/var/lib/nginx/nginx-502-server.sock;
        access_log off;
        return 502;
    }}
    server {{
        listen 80 default_server;
        listen [::]:80 default_server;
        listen 443 ssl default_server;
        listen [::]:443 ssl default_server;
        {http2}
        {tls}
        server_name _;
        access_log off;
        location / {{ return 404; }}
    }}"""


def _server(server: Server, config: dict[str, str]) -> str:
    settings = server.settings
    lines = ["    server {", "        listen 80;", "        listen [::]:80;"]
    if server.certificate is not None:
        lines += ["        listen 443 ssl;", "        listen [::]:443 ssl;"]
        if is_on(config, "http2"):
            lines.append("        http2 on;")
        if server.certificate:
            file = f"/etc/nginx/secrets/{server.certificate}"
            lines += [f"        ssl_certificate {file};", f"        ssl_certificate_key {file};"]
        else:
            lines.append("        ssl_reject_handshake on;")
    lines += [f"        server_name {server.host};", f"        set $resource_name {server.host!r};"]
    if settings.hsts:
        lines.append(f'        add_header Strict-Transport-Security "{settings.hsts}" always;')
    if server.certificate is not None and settings.ssl_redirect:
        # With the listening port in the address, as the real template writes it.
        lines += [
            "        if ($scheme = http) {",
            f"            return {settings.redirect_code} https://$host:443$request_uri;",
            "        }",
        ]
    if settings.redirect_to_https:
        lines += [
            "        if ($http_x_forwarded_proto = 'http') {",
            f"            return {settings.redirect_code} https://$host$request_uri;",
            "        }",
        ]
    lines += [_location(location, server, config) for location in server.locations]
    return "\n".join([*lines, "    }"])


def _location(location: Location, server: Server, config: dict[str, str]) -> str:
    settings = server.settings
    scheme = "https" if location.upstream.https else "http"
    directives = {
        "proxy_connect_timeout": config.get("proxy-connect-timeout", "60s"),
        "proxy_read_timeout": config.get("proxy-read-timeout", "60s"),
        "proxy_send_timeout": config.get("proxy-send-timeout", "60s"),
        "client_max_body_size": config.get("client-max-body-size", "1m"),
    } | {key: value for key, value in settings.directives.items() if "header" not in key}
    lines = [f"        location {'= ' if location.exact else ''}{location.path} {{"]
    lines += [f"            {key} {value};" for key, value in directives.items()]
    lines += _limit(server)
    for key in ("proxy_hide_headers", "proxy_pass_headers"):
        for name in filter(None, settings.directives.get(key, "").split(",")):
            lines.append(f"            {key[:-1]} {name};")
    lines.append(
        f"""            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_pass {scheme}://{identifier(location.upstream)};
        }}"""
    )
    return "\n".join(lines)


def _status(ports: dict[str, int]) -> str:
    return f"""    server {{
        listen 127.0.0.1:{ports["status"]};
        access_log off;
        location /stub_status {{ stub_status; }}
        location /configVersion {{ return 200 {VERSION}; }}
    }}"""
