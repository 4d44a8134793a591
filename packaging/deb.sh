#!/bin/sh
# Builds the Debian packages as a buildd does, in a root of Debian 13 (build/deb-root, made once), as an ordinary user without a network. It builds
# twice, once with the tests and once without, and holds both builds against each other: every file has to have the same bytes. Then lintian; then
# install, first call, window, upgrade, removal and purge in a fresh copy of a root.
# usage: packaging/deb.sh [build|try|quick]     (without: build and try; quick: one build without tests, and one of the next version)
# As root, with Debian's mmdebstrap. The packages are in build/deb; those of the next version, of which only `quick` makes some, in build/deb-next.
set -eu
cd "$(dirname "$0")/.."
here=$PWD
[ "$(id -u)" = 0 ] || { echo 'A root of Debian 13 is made and entered as root.' >&2; exit 1; }
command -v mmdebstrap >/dev/null || { echo 'mmdebstrap is missing: apt-get install mmdebstrap' >&2; exit 1; }
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
SOURCE_DATE_EPOCH=$(date -d "$(sed -n 's/^ -- .*>  //p' packaging/debian/changelog | head -n 1)" +%s)
export SOURCE_DATE_EPOCH
umask 022

# made ROOT PACKAGES: a root with these packages, unless it is there.
made() {
    [ "$(cat "$1/.packages" 2>/dev/null)" != "$2" ] || return 0
    rm -rf "$1"
    mkdir -p build
    mmdebstrap --quiet --variant=apt --include="$2" trixie "$1"
    printf '%s\n' "$2" >"$1/.packages"
}

# within ROOT COMMAND: a shell's command in a root, as root, with /proc and /dev for as long as it runs.
within() {
    inside=$1
    shift
    # shellcheck disable=SC2016
    unshare --mount --pid --fork sh -euc '
        mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; mount -t tmpfs tmp "$0/tmp"
        exec chroot "$0" env -i HOME=/root PATH=/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            SOURCE_DATE_EPOCH='"$SOURCE_DATE_EPOCH"' sh -euc "$1"' "$inside" "$*"
}

# The source package: what git has, as one tar file whose bytes depend on nothing else, and packaging/debian beside it as debian/.
source_in() {
    rm -rf "$1"
    mkdir -p "$1/telemetryd-$version"
    git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory="$1/telemetryd-$version"
    (cd "$1" && tar --create --xz --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX \
        --file="telemetryd_$version.orig.tar.xz" "telemetryd-$version")
    cp -r "$1/telemetryd-$version/packaging/debian" "$1/telemetryd-$version/debian"
}

build_root() {
    root=$here/build/deb-root
    made "$root" "build-essential,fakeroot,passwd,makepkg,lintian,rpm,rpmlint,fish,zsh,desktop-file-utils,appstream,$(python3 packaging/build_depends.py packaging/debian/control)"
}

build() {
    build_root
    rm -rf "$root"/srv/*
    source_in "$root/srv/source"
    for number in 1 2; do
        cp -r "$root/srv/source" "$root/srv/build-$number"
        [ $number = 1 ] && profiles= || profiles=nocheck
        within "$root" "sh /srv/source/telemetryd-$version/packaging/deb-build.sh /srv/build-$number/telemetryd-$version '$profiles'"
        (cd "$root/srv/build-$number" && sha256sum ./*.deb ./*.dsc ./*.tar.*) >"$root/srv/sums-$number"
    done
    echo "tests in the build: $(grep -aE '^=* ?[0-9]+ passed' "$root/srv/build-1/log" | tail -n 1)"
    diff "$root/srv/sums-1" "$root/srv/sums-2"
    echo "reproducible: $(wc -l <"$root/srv/sums-1") files of two builds have the same bytes"
    within "$root" "cd /srv/build-1 && lintian --allow-root --suppress-tags initial-upload-closes-no-bugs --fail-on error,warning --info --tag-display-limit 0 ./*.changes"
    echo 'lintian: neither errors nor warnings'
    within "$root" "cd /srv/source/telemetryd-$version && rpmlint packaging/fedora/telemetryd.spec >/tmp/log || { cat /tmp/log; exit 1; }"
    echo 'rpmlint: no error'
    within "$root" "cd /srv/build-1/telemetryd-$version/debian/telemetryd/usr/share && zsh -n zsh/site-functions/_telemetryctl &&
        fish --no-execute fish/vendor_completions.d/telemetryctl.fish"
    echo 'completions: zsh and fish read them'
    within "$root" "cd /srv/build-1/telemetryd-$version/debian/telemetryd-settings/usr/share && desktop-file-validate applications/*.desktop &&
        appstreamcli validate --no-net metainfo/*.xml"
    rm -rf build/deb
    mkdir -p build/deb
    cp "$root"/srv/build-1/*.deb build/deb
}

# A build without tests, and one of the next version, of which nothing differs but the changelog: what is installed and upgraded to.
quick() {
    build_root
    next=${version%.*}.$((${version##*.} + 1))
    rm -rf "$root"/srv/* build/deb build/deb-next
    mkdir -p build/deb build/deb-next
    for name in deb deb-next; do
        source_in "$root/srv/$name"
        changelog=$root/srv/$name/telemetryd-$version/debian/changelog
        [ $name = deb ] || sed -i "1s/($version-/($next-/" "$changelog"
        within "$root" "sh /srv/$name/telemetryd-$version/packaging/deb-build.sh /srv/$name/telemetryd-$version nocheck --build=binary"
        cp "$root/srv/$name"/*.deb "build/$name"
    done
}

try() {
    clean=$here/build/deb-clean
    made "$clean" 'passwd,dbus,dbus-bin,systemd,dbus-session-bus-common,man-db,python3-pyside6.qtcore,python3-pyside6.qtgui,python3-pyside6.qtwidgets'
    used=$here/build/deb-used
    rm -rf "$used"
    cp -a "$clean" "$used"
    cp -r build/deb packaging/deb-try.sh "$used/srv/"
    within "$used" "sh /srv/deb-try.sh /srv/deb"
    rm -rf "$used"
}

case ${1-} in
build) build ;;
try) try ;;
quick) quick ;;
'') build && try ;;
*) echo 'usage: packaging/deb.sh [build|try|quick]' >&2; exit 2 ;;
esac
