#!/bin/sh
# After an installation and after an upgrade. Nothing is started and nothing is restarted: of a cluster one node at a time goes to a new
# version, and a person or a tool that sees the whole cluster says when.
set -e
if command -v systemd-sysusers >/dev/null 2>&1; then
  systemd-sysusers /usr/lib/sysusers.d/backstitch.conf
elif ! getent passwd backstitch >/dev/null; then
  useradd --system --home-dir /var/lib/backstitch --no-create-home --shell /usr/sbin/nologin backstitch
fi
chown root:backstitch /etc/backstitch
chmod 0750 /etc/backstitch
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
