#!/bin/bash
# Dumps EI's databases into a new backup on the volume, then removes the backups that are no longer kept.
#
# May be killed at any point: earlier backups stay valid, and the next run removes what it left. Only intact backups
# count and are removed, and the newest of them never is.
set -euo pipefail
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
# shellcheck source=components/in_pod/mysql_wait.sh
. "$(dirname "$0")/mysql_wait.sh"
# shellcheck source=components/in_pod/mysql_backups.sh
. "$(dirname "$0")/mysql_backups.sh"
keep=${KEEP:?}
keep_days=${KEEP_DAYS:-}

client_files "$rendered" BACKUP
reach backup
rm -rf "$backups"/*.partial
name=$(date -u +%Y%m%dT%H%M%SZ)
partial=$backups/$name.$HOSTNAME.partial
mkdir "$partial"
trap 'rm -rf "$partial"' EXIT
echo "$program: dumping the databases"
OPTIONS=$rendered/backup.cnf bash "$(dirname "$0")/mysql_dump.sh" | gzip >"$partial/$dump" ||
    fail "the dump failed, for the reason above; earlier backups are unchanged"
# Reads the file back, and so compares it with gzip's own checksum.
last=$(gzip -dc "$partial/$dump" | tail -n 1) || fail "the dump cannot be read back; earlier backups are unchanged"
[[ $last == "-- Dump completed"* ]] || fail "the dump is incomplete; earlier backups are unchanged"
(cd "$partial" && sha256sum "$dump" >"$dump.sha256")
# A rename may reach the disk before the content.
sync "$partial"/*
# Two at a time: each removes the other's files.
mv -T "$partial" "$backups/$name" || fail "another Job of backups ran at the same time and removed this dump"
echo "$program: made $name, $(stat -c %s "$backups/$name/$dump") bytes"

oldest=
[ -z "$keep_days" ] || oldest=$(date -u -d "$keep_days days ago" +%Y%m%dT%H%M%SZ)
list_backups
count=0
for ((index = ${#names[@]} - 1; index >= 0; index--)); do
    name=${names[index]}
    if ! intact "$name"; then
        echo "$program: $name is damaged: it is not counted, and not removed"
        continue
    fi
    count=$((count + 1))
    if [ "$count" -gt "$keep" ] || [[ $count -gt 1 && $name < $oldest ]]; then
        # A removal that is killed must not leave a part under the name of a backup.
        mv -T "$backups/$name" "$backups/$name.partial"
        rm -rf "$backups/$name.partial"
        echo "$program: removed $name"
    fi
done
