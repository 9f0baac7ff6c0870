# Run this as root, or save each part under its name. It collects the pages and builds a release every night.
id {user} > /dev/null 2>&1 || useradd --system --no-create-home {user}
install -d -o {user} -- {folders}

cat > /etc/systemd/system/cybilgraph-update.service << 'UNIT'
[Unit]
Description=cybilgraph: collect pages and build a release
Wants=network-online.target
After=network-online.target
OnFailure=cybilgraph-update-failed.service

[Service]
Type=oneshot
User={user}
EnvironmentFile=-/etc/cybilgraph.env
# collect ends with 1 if some pages were unavailable: the release is built with their earlier captures. After any other
# failure, the current release stays. A build makes its release current, and a running server switches to it.
ExecStart=:{program} collect {urls} --into {pages} --contact {contact}
ExecStart=:{program} build {sources} --into {releases} --wait{options}
SuccessExitStatus=1
TimeoutStartSec=infinity
Nice=10
MemoryMax=4G

UMask=0022
ProtectSystem=strict
ReadWritePaths={writable}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UNIT

cat > /etc/systemd/system/cybilgraph-update.timer << 'UNIT'
[Unit]
Description=cybilgraph: update every night

[Timer]
OnCalendar=*-*-* 03:17:00
RandomizedDelaySec=30min
Persistent=yes

[Install]
WantedBy=timers.target
UNIT

cat > /etc/systemd/system/cybilgraph-update-failed.service << 'UNIT'
[Unit]
Description=cybilgraph: report a failed update

[Service]
Type=oneshot
ExecStart=:/bin/sh -c 'journalctl --unit cybilgraph-update --since -1day --lines 100 --output cat | mail -s "cybilgraph: the update failed" {report_to} || logger -p user.err "cybilgraph: the update failed, see journalctl -u cybilgraph-update"'
UNIT

systemctl daemon-reload
systemctl enable --now cybilgraph-update.timer
