#!/bin/bash
# Starts mysqld on /var/lib/mysql/data, after initialising the data folder if there is none.
#
# Does not use the image's entrypoint: when that is killed during the initialisation it leaves an incomplete folder that
# no later start can use. Here one rename makes the initialised folder visible.
set -euo pipefail
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
data=/var/lib/mysql/data
# The name of 1.0.0, whose incomplete folders are removed too.
new=/var/lib/mysql/making
rendered=/run/rendered
# In memory; mysqld reads it once.
(umask 077 && server_sql >"$rendered/init.sql")
if [ ! -d "$data/mysql" ]; then
    rm -rf "$new"
    echo "mysql_server: initialising a new database"
    mysqld --initialize-insecure --datadir="$new"
    mv "$new" "$data"
fi
# root@localhost has no password until the init file has run; mysqld accepts connections only after that.
exec mysqld --datadir="$data" --init-file="$rendered/init.sql" "$@"
