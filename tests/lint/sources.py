# SPDX-License-Identifier: BSD-3-Clause
# Which files the checks look at: what git tracks or would track, else everything but builds.
import os
import subprocess


def tree_files(root):
    if os.path.exists(os.path.join(root, ".git")):
        out = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-co",
             "--exclude-standard", "-z"],
            capture_output=True, check=True).stdout.decode()
        names = [n for n in out.split("\0") if n]
    else:
        names = []
        for folder, subdirs, files in os.walk(root):
            subdirs[:] = [d for d in subdirs if not d.startswith(("build", "."))]
            names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return sorted(n for n in set(names)
                  if os.path.isfile(os.path.join(root, n))
                  and not os.path.islink(os.path.join(root, n)))


def read_lines(root, name):
    with open(os.path.join(root, name), encoding="utf-8", errors="surrogateescape") as f:
        return f.read().split("\n")
