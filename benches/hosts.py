"""Throw-away hosts: one private sshd on loopback addresses, and a home of batt's own for each address."""

import getpass
import glob
import os
import shutil
import socket
import subprocess
import tempfile
import time

from measuring import Failed

# `run` of the service that costs nothing: one line, stored.
EMPTY_SERVICE = "#!/bin/sh\nexec batt store line -- echo nothing\n"
SERVICE = "empty"
# OpenSSH 9.2 takes five times the CPU for its post-quantum key exchange; every tool is given the one that russh takes.
KEY_EXCHANGE = "curve25519-sha256"


class Host:
    """One of them."""

    def __init__(self, folder: str, number: int) -> None:
        self.name = f"h{number + 1:03}"
        self.address = f"127.77.{number // 250}.{number % 250 + 1}"
        self.folder = os.path.join(folder, self.name)
        self.home = os.path.join(self.folder, "batt")
        self.path = os.path.join(self.folder, "backup", "%Y", "%m", "%d")

    def serve(self, agent: str) -> str:
        """The command that the controller gives."""
        return f"{agent} --home {self.home} --path {self.path} serve"

    def age_orders(self) -> None:
        """Makes its runs runs of long ago: a controller may order only so many within a while."""
        long_ago = time.time() - 3600
        for order in glob.glob(os.path.join(self.home, "var", "runs", "*", "order.json")):
            os.utime(order, (long_ago, long_ago))


class Hosts:
    """A number of hosts, and all that is needed to reach them. Everything is gone at the end of the `with`."""

    def __init__(self, programs: str, count: int, agent: str | None = None, log_level: str = "ERROR") -> None:
        self.batt = os.path.join(programs, "batt")
        self.agent = agent or self.batt
        self.log_level = log_level
        self.folder = tempfile.mkdtemp(prefix="batt-bench-")
        self.hosts = [Host(self.folder, number) for number in range(count)]
        self.user = getpass.getuser()
        self.port = 0
        self.sshd: subprocess.Popen | None = None

    def __enter__(self) -> "Hosts":
        try:
            for name in ["host_key", "user_key"]:
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", self.file(name)],
                               check=True)
            shutil.copy(self.file("user_key.pub"), self.file("authorized_keys"))
            self._start()
            for host in self.hosts:
                self._lay_out(host)
            self.write_inventory()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.sshd:
            self.sshd.terminate()
            self.sshd.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def file(self, name: str) -> str:
        """The path of a file of ours."""
        return os.path.join(self.folder, name)

    def first(self, count: int) -> list[Host]:
        """The first so many of them."""
        return self.hosts[:count]

    def ssh_options(self) -> list[str]:
        """What OpenSSH's client needs to reach them, and nothing of the person's own settings."""
        options = {"Port": self.port, "User": self.user, "IdentityFile": self.file("user_key"), "IdentitiesOnly": "yes",
                   "UserKnownHostsFile": self.file("known_hosts"), "GlobalKnownHostsFile": "/dev/null",
                   "StrictHostKeyChecking": "yes", "BatchMode": "yes", "KexAlgorithms": KEY_EXCHANGE}
        return ["-F", "/dev/null", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]

    def _start(self) -> None:
        sshd = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if not sshd:
            raise Failed("there is no sshd (Debian: openssh-server)")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.77.0.1", 0))
            self.port = free.getsockname()[1]
        # More than sixteen addresses cannot be listened on by name. With a level of its own, bash does not take itself
        # for a login over the network and leaves ~/.bashrc alone.
        with open(self.file("sshd_config"), "w", encoding="utf-8") as config:
            config.write(f"""Port {self.port}
ListenAddress 0.0.0.0
AllowUsers {self.user}@127.0.0.0/8
HostKey {self.file("host_key")}
AuthorizedKeysFile {self.file("authorized_keys")}
AuthenticationMethods publickey
PermitRootLogin prohibit-password
SetEnv SHLVL=5
UsePAM no
StrictModes no
MaxStartups 500
PidFile none
LogLevel {self.log_level}
""")
        with open(self.file("sshd.log"), "wb") as log:
            self.sshd = subprocess.Popen([sshd, "-D", "-e", "-f", self.file("sshd_config")],
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.77.0.1", self.port), 1).close()
                return
            except OSError as error:
                if self.sshd.poll() is not None or time.monotonic() > end:
                    raise Failed(f"sshd did not start: {open(self.file('sshd.log')).read()}") from error
                time.sleep(0.02)

    def _lay_out(self, host: Host) -> None:
        os.makedirs(host.folder)
        subprocess.run([self.batt, "--home", host.home, "init"], check=True, capture_output=True)
        script = os.path.join(host.home, "scripts-available", f"backup-{SERVICE}")
        with open(script, "w", encoding="utf-8") as file:
            file.write(EMPTY_SERVICE)
        os.chmod(script, 0o755)
        subprocess.run([self.batt, "--home", host.home, "enable", SERVICE], check=True, capture_output=True)

    def write_inventory(self) -> None:
        """Writes the inventory and the known hosts anew."""
        with open(self.file("host_key.pub"), encoding="utf-8") as file:
            key = " ".join(file.read().split()[:2])
        with open(self.file("known_hosts"), "w", encoding="utf-8") as file:
            file.writelines(f"[{host.address}]:{self.port} {key}\n" for host in self.hosts)
        os.makedirs(self.file("fleet"), exist_ok=True)
        with open(self.file("fleet/inventory.toml"), "w", encoding="utf-8") as file:
            file.write(f'[defaults]\nuser = "{self.user}"\nport = {self.port}\nidentity = "{self.file("user_key")}"\n'
                       f'agent_path = "{self.agent}"\n\n')
            for host in self.hosts:
                file.write(f'[hosts.{host.name}]\naddress = "{host.address}"\nagent_home = "{host.home}"\n'
                           f'path = "{host.path}"\n\n')
