"""A disk whose power can be cut: an ext4 file system in an image, mounted through a loop device.

What a program has written and not made durable is in the page cache of the mounted file system, and
not in the image. So a copy of the image, taken while the program is stopped in its tracks, is what
a disk would hold after the power went: nothing is flushed that was not asked for. (`commit=300`
keeps ext4 from flushing by itself every five seconds.)
"""

import os
import shutil
import subprocess
from pathlib import Path

IMAGE_BYTES = 512 * 1024 * 1024
COMMAND_SECONDS_MAX = 60.0


class NoDisks(Exception):
    """This machine gives us no disks to play with; the message says why."""


class Disk:
    """An image and where it is mounted.

    image   a sparse file
    mount   the directory in which it is seen
    """

    def __init__(self, image: Path, mount: Path) -> None:
        self.image = image
        self.mount = mount

    def make(self) -> None:
        """An empty file system in a new image."""
        with self.image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", str(self.image))

    def attach(self) -> None:
        """Mount the image; what its journal holds is replayed, as after a crash."""
        self.mount.mkdir(parents=True, exist_ok=True)
        _run("mount", "-o", "loop,commit=300", str(self.image), str(self.mount))

    def detach(self) -> None:
        """Unmount it; its loop device goes with it."""
        _run("umount", str(self.mount))

    def as_after_a_power_cut(self, image: Path) -> None:
        """Copy what the disk holds at this moment. Whoever writes must be stopped meanwhile."""
        _run("cp", "--sparse=always", str(self.image), str(image))


def check_for_disks(directory: Path) -> None:
    """Try the whole of it once in a directory. raises   NoDisks"""
    if os.geteuid() != 0:
        raise NoDisks("cutting the power needs root, to mount a disk image")
    missing = [name for name in ("mkfs.ext4", "mount", "umount") if shutil.which(name) is None]
    if missing:
        raise NoDisks(f"cutting the power needs {', '.join(missing)}")
    disk = Disk(directory / "trial.img", directory / "trial")
    try:
        disk.make()
        disk.attach()
        disk.detach()
    except subprocess.CalledProcessError as error:
        raise NoDisks(f"no disk image can be mounted here: {error.stderr.strip()}") from None
    finally:
        disk.image.unlink(missing_ok=True)


def _run(*arguments: str) -> None:
    subprocess.run(
        arguments, check=True, timeout=COMMAND_SECONDS_MAX, capture_output=True, text=True
    )
