#!/bin/bash
# Starts mysqld on /var/lib/mysql/data, making the data folder first when there is none.
#
# The image's own entrypoint is not used: it runs "$@" for the initialisation too, options and all, and leaves a
# half-made folder behind when it is killed, which no later start can use. Here the folder appears by one rename.
set -euo pipefail
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
data=/var/lib/mysql/data
making=/var/lib/mysql/making
rendered=/run/rendered
# In memory, and away with the pod; mysqld reads it once.
(umask 077 && server_sql >"$rendered/init.sql")
if [ ! -d "$data/mysql" ]; then
    rm -rf "$making"
    echo "mysql_server: no database yet, making one"
    mysqld --initialize-insecure --datadir="$making"
    mv "$making" "$data"
fi
# root@localhost has no password until the init file has run, and mysqld listens only after that.
exec mysqld --datadir="$data" --init-file="$rendered/init.sql" "$@"
