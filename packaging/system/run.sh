#!/bin/sh
# Boots Debian 13 with systemd in a container, installs this checkout's Debian packages there, and tries them in real sessions of ordinary users.
# usage: packaging/system/run.sh [lifecycle|exposure|sandboxes|removal|shell …]     (without: all four; shell: a root shell in the booted system)
# As root, with Debian's mmdebstrap and systemd-container. The root is made once (build/system/root, 0.6 GB); each run boots a copy of it, by overlayfs where that works.
set -eu
cd "$(dirname "$0")/../.."
top=$PWD/build/system
root=$top/root
copy=$top/copy
packages=systemd-sysv,libpam-systemd,dbus,dbus-daemon,dbus-user-session,dbus-broker,dbus-bin,python3,python3-pip,\
python3-dbus-fast,python3-platformdirs,python3-aiohttp,python3-aiohappyeyeballs,python3-click,python3-pydantic,python3-cryptography,python3-trustme,ca-certificates,libcap2-bin,\
bubblewrap,xdg-dbus-proxy,flatpak,procps,util-linux,libsystemd0

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || stop 'A root of Debian 13 is made and booted as root.'
for pair in mmdebstrap:mmdebstrap systemd-nspawn:systemd-container nsenter:util-linux cc:gcc /usr/include/systemd/sd-bus.h:libsystemd-dev; do
    command -v "${pair%%:*}" >/dev/null || [ -e "${pair%%:*}" ] || stop "${pair%%:*} is missing: apt-get install ${pair#*:}"
done
[ $# -gt 0 ] || set -- lifecycle exposure sandboxes removal

# pyhpke is in no Debian: its wheel, without what it depends on, which Debian has.
make_root() {
    rm -rf "$root"
    mkdir -p "$top"
    mmdebstrap --quiet --variant=apt --include="$packages" trixie "$root"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$root/srv" \
        --require-hashes --requirement /dev/stdin <<PYHPKE
$(awk '/^[^ #]/ { is_it = /^pyhpke==/ } is_it' packaging/constraints.txt)
PYHPKE
    chroot "$root" sh -c 'python3 -m pip install --quiet --root-user-action ignore --break-system-packages --no-deps --no-index /srv/pyhpke*.whl'
    for name in ada bob; do chroot "$root" useradd --create-home --shell /bin/sh "$name"; done
    # dbus-daemon is what users have who choose nothing.
    rm -f "$root/etc/systemd/user/dbus.service"
    # A manager ends with its last session: no test waits for it.
    mkdir -p "$root/etc/systemd/logind.conf.d"
    printf '[Login]\nUserStopDelaySec=0\n' >"$root/etc/systemd/logind.conf.d/test.conf"
    # Nothing that waits for a machine's devices.
    chroot "$root" systemctl --quiet mask systemd-resolved.service systemd-networkd.service systemd-timesyncd.service getty.target console-getty.service
    printf '%s\n' "$packages" >"$root/.packages"
}
[ "$(cat "$root/.packages" 2>/dev/null)" = "$packages" ] || make_root
packaging/deb.sh quick

install_here() {
    rm -rf "$copy" "$top/upper" "$top/work"
    mkdir "$copy" "$top/upper" "$top/work"
    mount -t overlay telemetryd -o "lowerdir=$root,upperdir=$top/upper,workdir=$top/work" "$copy" 2>/dev/null || cp -a "$root/." "$copy"
    mkdir -p "$copy/srv/telemetryd"
    git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory="$copy/srv/telemetryd"
    cp -r build/deb build/deb-next "$copy/srv"
    chroot "$copy" sh -c 'apt-get install --quiet --yes --no-install-recommends /srv/deb/telemetryd_*.deb' >"$top/install.log" 2>&1 || {
        cat "$top/install.log" >&2
        stop 'The package could not be installed.'
    }
    cc -O1 -Wall -Werror -o "$copy/usr/local/bin/caller" tests/support/caller.c -lsystemd
}

nspawn= leader=
# A signal that a systemd in a container takes for "power off".
end() {
    [ -z "$leader" ] || kill -RTMIN+4 "$leader" 2>/dev/null || true
    [ -z "$nspawn" ] || wait "$nspawn" 2>/dev/null || true
    umount -q "$copy" 2>/dev/null || true
}
trap end EXIT
trap 'exit 1' INT TERM
umount -q "$copy" 2>/dev/null || true
install_here

log=$top/boot.log
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes systemd-nspawn --quiet --boot --directory="$copy" --machine=telemetryd \
    --register=no --keep-unit --settings=no --private-network --console=pipe --resolv-conf=off --timezone=off >"$log" 2>&1 </dev/null &
nspawn=$!
inside() { nsenter --target "$leader" --all env -i -C /srv/telemetryd HOME=/root PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 "$@"; }

for _ in $(seq 100); do
    leader=$(cat "/proc/$nspawn/task/$nspawn/children" 2>/dev/null | tr -d ' ')
    [ -z "$leader" ] || ! inside systemctl is-system-running --wait >/dev/null 2>&1 || break
    kill -0 $nspawn 2>/dev/null || { cat "$log" >&2; stop 'The container did not start.'; }
    sleep 0.2
done
state=$(inside systemctl is-system-running || true)
case $state in running | degraded) ;; *) cat "$log" >&2; stop "The system did not boot: $state" ;; esac
# /proc/kmsg there is a file that is deleted already, on which nothing can be mounted.
inside umount /proc/kmsg
# The container's own have parts hidden, and the kernel lets nobody mount a new one in a user namespace then, as every sandbox does.
inside sh -c 'mkdir -p /run/visible/proc /run/visible/sys && mount -t proc proc /run/visible/proc && mount -t sysfs sysfs /run/visible/sys'

status=0
for part; do
    case $part in
    shell) inside sh || true ;;
    lifecycle | exposure | sandboxes | removal) inside python3 -B "packaging/system/$part.py" || status=1 ;;
    *) stop "usage: $0 [lifecycle|exposure|sandboxes|removal|shell …]" ;;
    esac
done
exit $status
