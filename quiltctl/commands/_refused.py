"""What `run` and `create` of docker and podman know and this version cannot honour: refused, never swallowed."""

from __future__ import annotations

from quiltctl.model.parameters import Refused

_STORAGE = "this version has no volumes, mounts or tmpfs"
_TERMINAL = "this version allocates no terminal"
_CALLER_GIVES = "this version passes neither a time zone nor descriptors on"
_LIFETIME = "this version restarts nothing and checks no health"
_PLATFORM = "this version runs images of this host's architecture alone"

_NAMES: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]] = {
    # why: (those with a value, those without)
    _STORAGE: ((("--volume", "-v"), ("--mount",), ("--tmpfs",), ("--volumes-from",)), ()),
    _TERMINAL: ((("--detach-keys",),), (("--tty", "-t"),)),
    _CALLER_GIVES: ((("--tz",), ("--preserve-fds",)), ()),
    _LIFETIME: (
        (
            ("--restart",),
            ("--health-cmd",),
            ("--health-interval",),
            ("--health-retries",),
            ("--health-start-period",),
            ("--health-timeout",),
            ("--health-on-failure",),
        ),
        (("--no-healthcheck",),),
    ),
    _PLATFORM: ((("--platform",), ("--arch",), ("--os",), ("--variant",)), ()),
}

REFUSED = tuple(
    Refused(names, why, takes_value=takes_value)
    for why, (with_value, without) in _NAMES.items()
    for takes_value, group in ((True, with_value), (False, without))
    for names in group
)

REFUSED_BY_UPDATE = tuple(refused for refused in REFUSED if refused.why == _LIFETIME)
