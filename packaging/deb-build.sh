#!/bin/sh
# Inside a root: an ordinary user builds the packages of an unpacked source, without a network. usage: deb-build.sh FOLDER PROFILES [OPTION…]
# PROFILES are DEB_BUILD_OPTIONS and DEB_BUILD_PROFILES, such as nocheck; the options are dpkg-buildpackage's.
set -eu
folder=$1 profiles=$2
shift 2
id builder >/dev/null 2>&1 || useradd --create-home builder
chown -R builder: "$folder/.."
cd "$folder"
# shellcheck disable=SC2016 # the inner shell's
unshare --net sh -euc 'python3 packaging/loopback_up.py; exec runuser -u builder -- env HOME=/home/builder "$@"' sh \
    DEB_BUILD_OPTIONS="$profiles" DEB_BUILD_PROFILES="$profiles" dpkg-buildpackage --no-sign "$@" >../log 2>&1 || { tail -n 60 ../log; exit 1; }
