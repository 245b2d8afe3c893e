#!/bin/sh
# Before a removal the node ends in its own way. Before an upgrade it goes on: Debian says "upgrade", RPM 1.
set -e
case ${1:-} in
  upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl disable --now backstitch.service || true
fi
