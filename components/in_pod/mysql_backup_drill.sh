#!/bin/bash
# Restores the latest backup into a server of this pod alone, and compares what is then in it with the backup.
#
# The server is started, and the backup restored, by the programs of the stack's server and of a real restore. The
# passwords are made here, and end with the pod. Compared are the tables and all rows, as mysqldump writes them.
set -euo pipefail
# shellcheck source=components/in_pod/mysql_wait.sh
. "$(dirname "$0")/mysql_wait.sh"
# shellcheck source=components/in_pod/mysql_backups.sh
. "$(dirname "$0")/mysql_backups.sh"
here=$(dirname "$0")
work=${WORK:-/drill}
rendered=$work/rendered
export SECRETS=$work/secrets RENDERED=$rendered DATABASE_HOST=127.0.0.1 DATABASE_PORT=3306 DATABASE_SSL_MODE=PREFERRED

# part DATABASE OTHER_DATABASE: prints a dump's lines that name the tables of one database, and all of its rows.
part() {
    sed "/^-- Current Database: \`$2\`\$/,/^-- Current Database: \`$1\`\$/d" | grep -E '^(CREATE TABLE|INSERT INTO) '
}

# compare LOGIN DATABASE OTHER_DATABASE
compare() {
    local backed_up restored tables rows
    backed_up=$(gzip -dc "$backups/$name/$dump" | part "$2" "$3" | sha256sum)
    restored=$(OPTIONS=$rendered/$1.cnf bash "$here/mysql_dump.sh" | part "$2" "$3" | sha256sum) ||
        fail "$2 of $name cannot be read after it was restored, for the reason above"
    [ "$backed_up" = "$restored" ] || fail "$2 has other tables or rows than $name after it was restored"
    query "$1" "SELECT CONCAT('SELECT COUNT(*) AS N FROM \`', TABLE_NAME, '\`') FROM information_schema.tables
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'" || fail "$refusal"
    tables=$(wc -l <<<"$answer")
    query "$1" "SELECT SUM(N) FROM (${answer//$'\n'/ UNION ALL }) AS COUNTED" || fail "$refusal"
    rows=$answer
    [ "$rows" -gt 0 ] || fail "$2 of $name has no rows"
    echo "$program: $2 has $tables tables and $rows rows, as in the backup"
}

list_backups
[ ${#names[@]} -gt 0 ] || fail "there is no backup"
name=${names[-1]}
mkdir -p "$SECRETS/mysql" "$rendered" "$work/tmp"
for login in root user registry; do
    od -An -N 24 -t x1 /dev/urandom | tr -d ' \n' >"$SECRETS/mysql/$login-password"
done
echo "$program: starting a server for $name"
VOLUME=$work bash "$here/mysql_server.sh" -- --bind-address=127.0.0.1 --mysqlx=OFF --disable-log-bin \
    --performance-schema=OFF --innodb-buffer-pool-size=128M --innodb-flush-log-at-trx-commit=0 --max-allowed-packet=1G \
    --secure-file-priv=NULL --tmpdir="$work/tmp" --socket="$work/socket" --pid-file="$work/pid" >"$work/log" 2>&1 &
trap 'kill %1 2>/dev/null || true' EXIT
FROM=$name FORCE='' bash "$here/mysql_backup_restore.sh" 2>"$work/error" || {
    grep -F '[ERROR]' "$work/log" >&2 || true
    cat "$work/error" >&2
    reason=$(tail -n 1 "$work/error")
    reason=${reason#*: }
    fail "$name cannot be restored: ${reason%%. Fix:*}"
}
compare user "$USER_DATABASE" "$REGISTRY_DATABASE"
compare registry "$REGISTRY_DATABASE" "$USER_DATABASE"
echo "$program: $name can be restored"
