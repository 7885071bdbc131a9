"""Files and folders for results: nothing is left half written or overwritten."""

import errno
import os
import pathlib
import re
import secrets


def new_folder(parent: pathlib.Path, name: str) -> pathlib.Path:
    """Makes a folder that did not exist, so that no earlier result is overwritten.

    **Arguments:**

    - `parent`: the folder to make it in, which is created if it is missing.
    - `name`: the name of the new folder. Characters that file systems refuse become
        `_`; if the name is taken, `-2`, `-3`, ... is appended.

    **Returns:**

    The path of the new folder.

    **Raises:**

    - `OSError` if it cannot be made, such as `NotADirectoryError` if `parent` is a
        file.
    """
    if parent.exists() and not parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(parent))
    parent.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w.-]", "_", name)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def write_safely(path: pathlib.Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    **Arguments:**

    - `path`: the file. An existing one is replaced.
    - `content`: its new content.

    **Raises:**

    - `OSError` that names `path`, if it cannot be written. An existing file is then
        left unchanged.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        # Made like any other file, so that its mode follows the umask.
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise OSError(error.errno, reason, str(path)) from error
        raise
