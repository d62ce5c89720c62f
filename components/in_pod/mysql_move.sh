#!/bin/bash
# Moves a database from the top of the volume, where the official image's entrypoint keeps it, into the folder data.
#
# May be killed and run again. While the folder moving exists, mysql_server.sh initialises nothing; one rename ends the
# move.
set -euo pipefail
shopt -s dotglob nullglob
volume=${VOLUME:-/var/lib/mysql}
if [ -d "$volume/data/mysql" ]; then
    echo "mysql_move: the database is in $volume/data"
    exit 0
fi
if [ ! -e "$volume/ibdata1" ] && [ ! -d "$volume/moving" ]; then
    echo "mysql_move: no database at the top of $volume" >&2
    exit 1
fi
mkdir -p "$volume/moving"
for entry in "$volume"/*; do
    case ${entry##*/} in
        moving | making | lost+found) ;;
        *) mv "$entry" "$volume/moving/" ;;
    esac
done
mv "$volume/moving" "$volume/data"
echo "mysql_move: the database is in $volume/data"
