# Brings up one host of the lab, in the mount, process and host name namespaces that it was started in, as its first process.
# Arguments: its folder, its name, its sshd, and `cable` where it has one, which it waits for: a line on stdin. The host ends when its sshd does, and when stdin is closed: the lab holds the other
# end, so that no host outlives it whatever happens to it.
set -eu
folder=$1 name=$2 sshd=$3
# sshd ends at an address that is not there yet.
[ "${4:-}" != cable ] || read -r _

hostname "$name"
# What others keep in /opt stays reachable; /opt/batt, /opt/backup and /opt/bin are the host's own.
mkdir -p /opt "$folder/opt"
for entry in /opt/*; do
    [ -d "$entry" ] || continue
    case ${entry##*/} in batt | backup | bin) continue ;; esac
    mkdir -p "$folder/opt/${entry##*/}"
    mount --bind "$entry" "$folder/opt/${entry##*/}"
done
for part in opt-batt:batt backup:backup bin:bin; do
    mkdir -p "$folder/${part%%:*}" "$folder/opt/${part##*:}"
done
mount --rbind "$folder/opt" /opt
mount --bind "$folder/backup" /opt/backup
mount --bind "$folder/bin" /opt/bin
mount --bind "$folder/opt-batt" /opt/batt
# The folder that sshd locks itself into before anybody has logged in (sshd(8)).
mkdir -p /run/sshd
exec 3<&0
"$sshd" -D -e -f "$folder/sshd_config" 3<&- &
sshd=$!
{ read -r _ <&3 || kill -KILL "$sshd"; } &
wait "$sshd"
