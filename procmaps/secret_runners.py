"""Programs that run another program, and the arguments before it, from their documentation."""

from typing import Final, NamedTuple

from procmaps.lazy_pattern import compiled


class Runner(NamedTuple):
    """The arguments between such a program and the one that it runs."""

    values: frozenset[bytes] = frozenset()  # options whose value is the next argument
    places: int = 0  # arguments, without options, before the program: a user, a file, a duration


def _runner(values: bytes = b"", places: int = 0) -> Runner:
    return Runner(frozenset(values.split()), places)


_SPECIAL: Final[dict[bytes, Runner]] = {
    b"sudo": _runner(
        b"-u --user -g --group -C --close-from -D --chdir -h --host -p --prompt -R --chroot"
        b" -r --role -t --type -T --command-timeout -U --other-user"
    ),
    b"doas": _runner(b"-u -C"),
    b"env": _runner(b"-u --unset -C --chdir"),
    b"nice": _runner(b"-n --adjustment"),
    b"ionice": _runner(b"-c --class -n --classdata"),
    b"timeout": _runner(b"-k --kill-after -s --signal", 1),
    b"stdbuf": _runner(b"-i --input -o --output -e --error"),
    b"chroot": _runner(b"", 1),
    b"taskset": _runner(b"", 1),
    b"chrt": _runner(b"-T --sched-runtime -P --sched-period -D --sched-deadline", 1),
    b"flock": _runner(b"-w --wait --timeout -E --conflict-exit-code", 1),
    b"watch": _runner(b"-n --interval -q --equexit"),
    b"xargs": _runner(b"-n -P -I -L -d -s -E -a --max-args --max-procs --delimiter --arg-file --max-chars"),
    b"parallel": _runner(b"-j --jobs -S --sshlogin -a --arg-file --joblog --timeout --retries --delay -I"),
    b"su": _runner(b"-s --shell -g --group -G --supp-group -w --whitelist-environment", 1),
    b"runuser": _runner(b"-u --user -s --shell -g --group -G --supp-group"),
    b"gosu": _runner(b"", 1),
    b"su-exec": _runner(b"", 1),
    b"setuidgid": _runner(b"", 1),
    b"s6-setuidgid": _runner(b"", 1),
    b"chpst": _runner(b"-u -U -b -e -n -l -L -m -d -o -p -f -c -t -/ -C"),
    b"softlimit": _runner(b"-a -c -d -f -l -m -o -p -r -s -t"),
    b"cgexec": _runner(b"-g"),
    b"cpulimit": _runner(b"-l --limit"),
    b"trickle": _runner(b"-d -u -w -t -l -n"),
    b"strace": _runner(b"-e -o -s -u -P -E -p"),
    b"ltrace": _runner(b"-e -o -s -u -p"),
    b"ssh": _runner(b"-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w", 1),
}
# the options and other arguments of these are not known
_OTHERS: Final = frozenset(
    b"nohup setsid time unshare nsenter sh bash dash zsh ash ksh busybox docker podman kubectl oc exec "
    b"tini dumb-init script unbuffer expect faketime systemd-run prlimit numactl setpriv python python2 "
    b"python3 perl ruby firejail entr cronic ip catchsegv proxychains proxychains4 torsocks torify "
    b"nocache eatmydata start-stop-daemon daemonize daemon with-contenv pkexec dbus-run-session xvfb-run "
    b"screen tmux retry valgrind heaptrack gdb perf lxc incus machinectl systemd-inhibit linux32 linux64 "
    b"setarch fakeroot fakechroot aa-exec capsh runcon sg choom uclampset bwrap crun runc logsave rlwrap "
    b"envdir".split()
)
_VERSIONED = compiled(rb"(?:python|perl|ruby)[\d.]+\Z")
_UNKNOWN: Final = Runner()


def runner_of(name: bytes) -> Runner | None:
    """How the program of this base name runs another one; None if it does not."""
    if name in _OTHERS or _VERSIONED.match(name):
        return _UNKNOWN
    return _SPECIAL.get(name)
