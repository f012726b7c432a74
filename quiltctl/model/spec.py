"""Everything that `run` and `create` decided about a container: stored as its config, handed to its shim."""

from __future__ import annotations

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_LOG_BYTES = 16 << 20
DEFAULT_LOG_FILES = 4
DEFAULT_SHM_BYTES = 64 << 20
DEFAULT_STOP_TIMEOUT_S = 10
SIGTERM = 15


class Spec(Value):
    """A container as it shall be. Options that a later version brings get fields with defaults of their own."""

    id: str
    name: str
    """Empty for one that nobody has, to be chosen when the row is written."""
    image: str
    """As the user spelt it."""
    image_id: str
    layers: tuple[str, ...]
    """Digests, the lowest first."""
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    """What follows the entrypoint. The two together are the program's argv, never empty."""
    env: tuple[str, ...]
    """``KEY=value``, complete but for HOME, which depends on the user the image knows."""
    user: str = ""
    """``user``, ``uid``, ``user:group``, ``uid:gid``, or empty for root."""
    workdir: str = "/"
    workdir_given: bool = False
    """Whether the user named it: then it must exist; one that only the image names is made."""
    hostname: str = ""
    network: str = "none"
    """none, host, ``container:ID``, or bridge: then the networks are those that the container is a member of."""
    ports: tuple[dict[str, Any], ...] = ()
    """What is asked to be published: host_ip (empty: all), host_port (0: any), container_port, protocol."""
    expose: tuple[str, ...] = ()
    """``PORT/PROTOCOL`` each."""
    publish_all: bool = False
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    """``NAME:ADDRESS`` each; the address ``host-gateway`` is the host as the container sees it."""
    no_hosts: bool = False
    """Whether the image's own /etc/hosts stays."""
    egress: tuple[str, ...] | None = None
    """The destinations that it may speak to, as ``CIDR[:PORT[-PORT][/PROTOCOL]]``; None is what its networks say."""
    labels: dict[str, str] = {}  # noqa: RUF012 (values are not changed)
    annotations: dict[str, str] = {}  # noqa: RUF012
    init: bool = False
    interactive: bool = False
    auto_remove: bool = False
    stop_signal: int = SIGTERM
    stop_timeout_s: int = DEFAULT_STOP_TIMEOUT_S
    timeout_s: int = 0
    """Seconds after which the container is killed; 0 is never."""
    log_driver: str = "k8s-file"
    """``k8s-file`` or ``none``."""
    log_bytes: int = DEFAULT_LOG_BYTES
    log_files: int = DEFAULT_LOG_FILES
    shm_bytes: int = DEFAULT_SHM_BYTES
    capabilities: tuple[str, ...] = DEFAULT_CAPABILITIES
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    """What was asked for, as it shows in inspect; ``capabilities`` is what it came to."""
    privileged: bool = False
    no_new_privileges: bool = True
    seccomp: str = "default"
    """``default``, ``unconfined``, or the sha256 of a profile that is kept below the root."""
    security_opt: tuple[str, ...] = ()
    """As the user spelt it."""
    mask: tuple[str, ...] = ()
    unmask: tuple[str, ...] = ()
    """Paths to hide beyond the usual ones, and paths of the usual ones not to touch; ``ALL`` is all."""
    read_only: bool = False
    read_only_tmpfs: bool = True
    """Whether a read-only root gets a tmpfs on /run, /tmp and /var/tmp."""
    userns: str = "host"
    """host, auto, keep-id, map, or ``container:ID``. What was made before there were user namespaces has host."""
    userns_given: bool = False
    """Whether the user asked for it: then there is no doing without."""
    userns_size: int = 65536
    kept_uid: tuple[int, int] = (0, 0)
    kept_gid: tuple[int, int] = (0, 0)
    """With keep-id: which id inside is which of the caller's outside."""
    uid_map: tuple[str, ...] = ()
    gid_map: tuple[str, ...] = ()
    """``CONTAINER:HOST:SIZE`` each; empty without a user namespace of its own."""
    fallback: str = ""
    """Why it runs without a user namespace although the default is to have one."""
    pid: str = "private"
    ipc: str = "private"
    uts: str = "private"
    cgroupns: str = "private"
    """Each: private, host, or ``container:ID``."""
    devices: tuple[Any, ...] = ()
    """The fields of a DeviceNode each."""
    device_requests: tuple[str, ...] = ()
    device_rules: tuple[Any, ...] = ()
    """The fields of a DeviceRule each, beyond the usual ones."""
    ulimits: tuple[Any, ...] = ()
    """Name, soft and hard limit each."""
    sysctls: dict[str, str] = {}  # noqa: RUF012
    groups: tuple[str, ...] = ()
    """Supplementary groups beyond those that the image gives the user, names or numbers."""
    umask: int = 0o022
    limits: dict[str, Any] = {}  # noqa: RUF012
    """What was said of a container's limits: fields of Limits that are not None."""
    oom_score_adj: int = 0
    cgroup_parent: str = ""
    """The cgroup in which the container's lies, without slashes at its ends; empty is the usual one."""
    cgroups: str = "enabled"
    """enabled, or disabled: then it has no cgroup of its own, and is in that of whoever starts it."""
    cidfile: str = ""
    """A file that holds the id for as long as the container exists, or empty."""
    create_command: tuple[str, ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        """Return the program and its arguments."""
        return self.entrypoint + self.command


def spec_from(document: dict[str, Any]) -> Spec:
    """Return the spec from its stored document. A field that this version does not know is left out."""
    known: dict[str, Any] = {
        field: tuple(value) if isinstance(value, list) else value
        for field, value in document.items()
        if field in Spec._fields
    }
    return Spec(**known)
