#!/bin/sh
# Reads what mysql_dump.sh wrote from standard input; the tables in it replace those of the same name.
#
#   kubectl -n NAMESPACE exec -i wso2ei-mysql-0 -c mysql -- sh /in_pod/mysql_restore.sh < wso2ei.sql
set -eu
# What reads the password is written for bash, and people call this with sh.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/mysql_root.sh"
mysql --defaults-extra-file="$options" --default-character-set=utf8mb4
echo "mysql_restore: done" >&2
