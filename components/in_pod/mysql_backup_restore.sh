#!/bin/bash
# Restores EI's databases from a backup on the volume: FROM, or the latest.
#
# Checks everything before it changes anything: the checksum, that EI is stopped, and that the databases are empty or
# FORCE is 1. Each database is dropped and loaded by its own user, so no login needs rights on both.
set -euo pipefail
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
# shellcheck source=components/in_pod/mysql_wait.sh
. "$(dirname "$0")/mysql_wait.sh"
# shellcheck source=components/in_pod/mysql_backups.sh
. "$(dirname "$0")/mysql_backups.sh"
from=${FROM:-latest}
stop="kubectl -n ${NAMESPACE:-NAMESPACE} scale deployment/wso2ei --replicas=0"

# on LOGIN SQL: its result in $answer, or the end.
on() {
    query "$1" "$2" || fail "MySQL rejects a statement of the login $1: $refusal"
}

# alone LOGIN: there is no other connection of its user. Without the privilege PROCESS a user sees those of the same
# name, which are EI's. One that has just ended may be listed for a moment.
alone() {
    local connections end=$((SECONDS + ${STOP_SECONDS:-10}))
    while :; do
        on "$1" 'SHOW PROCESSLIST'
        mapfile -t connections <<<"$answer"
        [ ${#connections[@]} -gt 1 ] || return 0
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep "$pause_seconds"
    done
}

# load LOGIN DATABASE OTHER_DATABASE
load() {
    echo "$program: restoring $2"
    on "$1" "DROP DATABASE \`$2\`; CREATE DATABASE \`$2\`"
    # Without the other database's parts of the dump: mysqldump writes tables of both, then views of both.
    gzip -dc "$backups/$from/$dump" |
        sed "/^-- Current Database: \`$3\`\$/,/^-- Current Database: \`$2\`\$/d" |
        mysql --defaults-extra-file="$rendered/$1.cnf" --default-character-set=utf8mb4 ||
        fail "$2 is incomplete now, for the reason above. Fix: leave EI stopped, and restore again with FORCE=1"
    on "$1" 'SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()'
    [ "$answer" -gt 0 ] || fail "$from has no table of $2. Fix: restore another backup with FORCE=1"
    echo "$program: $answer tables in $2"
}

list_backups
[ ${#names[@]} -gt 0 ] || fail "the volume has no backup"
[ "$from" != latest ] || from=${names[-1]}
[[ " ${names[*]} " == *" $from "* ]] || fail "the volume has no backup $from; FROM is latest or one of: ${names[*]}"
echo "$program: comparing $from with its checksum"
intact "$from" || fail "$from is damaged, nothing was changed. Fix: set FROM to another one of: ${names[*]}"
client_files "$rendered"
for login in user registry; do
    reach "$login"
    alone "$login" || fail "EI is connected to MySQL, nothing was changed. Fix: $stop"
    on "$login" 'SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()'
    [ "$answer" -eq 0 ] || [ "${FORCE:-}" = 1 ] ||
        fail "the databases are not empty, nothing was changed. Fix: FORCE=1 replaces all of their content"
done
load user "$USER_DATABASE" "$REGISTRY_DATABASE"
load registry "$REGISTRY_DATABASE" "$USER_DATABASE"
echo "$program: done, from $from"
