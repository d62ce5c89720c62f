#!/bin/sh
# Dumps every database of this server, except MySQL's own, to standard output.
#
#   kubectl -n NAMESPACE exec wso2ei-mysql-0 -c mysql -- sh /in_pod/mysql_dump.sh > wso2ei.sql
#
# Without users and passwords: the server's init file creates them at every start. A complete dump ends with the line
# "-- Dump completed". With OPTIONS, an option file, the dump is of the databases that its login can read.
set -eu
# mysql_files.sh needs bash; the documented command names sh.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
options=${OPTIONS:-}
if [ -z "$options" ]; then
    . "$(dirname "$0")/mysql_root.sh"
fi
names=$(mysql --defaults-extra-file="$options" --batch --raw --skip-column-names --execute="
    SELECT SCHEMA_NAME FROM information_schema.SCHEMATA
    WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')")
# One name per line: a name may contain spaces and wildcards of the shell.
mapfile -t databases <<<"$names"
[ -n "$names" ] || { echo "mysql_dump: the server holds no database" >&2; exit 1; }
# One transaction gives a consistent dump of all InnoDB tables without locks.
mysqldump --defaults-extra-file="$options" --single-transaction --routines --triggers --events --hex-blob \
    --set-gtid-purged=OFF --no-tablespaces --default-character-set=utf8mb4 --databases "${databases[@]}"
