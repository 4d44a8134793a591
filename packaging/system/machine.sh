#!/bin/sh
# Boots Debian 13 with its own kernel in a virtual machine without help of the processor (qemu, TCG), and tries there what no container can:
# a suspend to memory, and callers and the uploader where the kernel enforces AppArmor. It takes about a quarter of an hour.
# usage: packaging/system/machine.sh [suspend|confined|sandboxes …]     (without: all three)
# As root, after packaging/system/run.sh, which makes the root and the packages; with Debian's qemu-system-x86.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD/build/system/root
guest=$PWD/build/machine
disk=$guest.img
stop() {
    printf '%s\n' "$*" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || stop 'A root of Debian 13 is made and booted as root.'
command -v qemu-system-x86_64 >/dev/null || stop 'qemu-system-x86_64 is missing: apt-get install qemu-system-x86'
[ -d "$root" ] && [ -d build/deb ] || stop 'The root or the packages are missing: run packaging/system/run.sh first'
[ $# -gt 0 ] || set -- suspend confined sandboxes
for part; do
    case $part in suspend | confined | sandboxes) ;; *) stop "usage: $0 [suspend|confined|sandboxes …]" ;; esac
done

rm -rf "$guest" "$disk"
cp -a "$root" "$guest"
mkdir -p "$guest/srv/telemetryd"
cp -r build/deb "$guest/srv/"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory="$guest/srv/telemetryd"
cc -O1 -Wall -Werror -o "$guest/usr/local/bin/caller" tests/support/caller.c -lsystemd
# shellcheck disable=SC2016 # the inner shell's
unshare --mount --pid --fork sh -euc '
    mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; cp /etc/resolv.conf "$0/etc/resolv.conf"
    exec chroot "$0" env DEBIAN_FRONTEND=noninteractive sh -euc "
        apt-get update --quiet
        apt-get install --quiet --yes --no-install-recommends linux-image-cloud-amd64 initramfs-tools apparmor udev /srv/deb/telemetryd_*.deb"' \
    "$guest" >"$guest.log" 2>&1 || { cat "$guest.log" >&2; stop 'The kernel or the package could not be installed.'; }

cat >"$guest/srv/parts.sh" <<PARTS
cd /srv/telemetryd
export LANG=C.UTF-8 HOME=/root
status=0
for part in $*; do python3 -B packaging/system/\$part.py || status=1; done
echo "parts: \$status"
systemctl poweroff
PARTS
cat >"$guest/etc/systemd/system/parts.service" <<'UNIT'
[Unit]
After=systemd-user-sessions.service dbus.service
[Service]
Type=oneshot
StandardOutput=file:/dev/ttyS1
StandardError=file:/dev/ttyS1
ExecStart=/bin/sh /srv/parts.sh
UNIT
mkdir -p "$guest/etc/systemd/system/multi-user.target.wants"
ln -sf ../parts.service "$guest/etc/systemd/system/multi-user.target.wants/parts.service"
cp "$guest"/boot/vmlinuz-* "$guest.kernel"
cp "$guest"/boot/initrd.img-* "$guest.initrd"
truncate -s 4G "$disk"
mke2fs -q -t ext4 -d "$guest" "$disk"
rm -rf "$guest"

timeout 1800 qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 2048 -cpu max -display none -monitor none -net none -no-reboot \
    -kernel "$guest.kernel" -initrd "$guest.initrd" -append 'root=/dev/vda rw console=ttyS0 apparmor=1 security=apparmor' \
    -drive "file=$disk,if=virtio,format=raw,cache=unsafe" -serial "file:$guest.console" -serial "file:$guest.out" || stop 'The machine did not end.'
cat "$guest.out"
grep -q '^parts: 0' "$guest.out"
