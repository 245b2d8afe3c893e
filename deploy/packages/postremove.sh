#!/bin/sh
# The data directory and /etc/backstitch stay, also after a purge: what is in them can not be made again.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
