#!/bin/sh
# Restores a dump of mysql_dump.sh from standard input; its tables replace existing ones with the same names.
#
#   kubectl -n NAMESPACE exec -i wso2ei-mysql-0 -c mysql -- sh /in_pod/mysql_restore.sh < wso2ei.sql
set -eu
# mysql_files.sh needs bash; the documented command names sh.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/mysql_root.sh"
mysql --defaults-extra-file="$options" --default-character-set=utf8mb4
echo "mysql_restore: done" >&2
