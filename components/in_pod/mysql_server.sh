#!/bin/bash
# Starts mysqld on the folder data of the volume, after initialising it if there is none.
#
#   mysql_server.sh [OPTION THAT COUNTS AT INITIALISATION...] -- [OPTION...]
#
# Does not use the image's entrypoint: when that is killed during the initialisation it leaves an incomplete folder that
# no later start can use. Here one rename makes the initialised folder visible.
set -euo pipefail
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
volume=${VOLUME:-/var/lib/mysql}
rendered=${RENDERED:-/run/rendered}
data=$volume/data
# The name of 1.0.0, whose incomplete folders are removed too.
new=$volume/making
initial=()
while [ "$1" != -- ]; do
    initial+=("$1")
    shift
done
shift
if [ ! -d "$data/mysql" ]; then
    if [ -e "$volume/ibdata1" ] || [ -e "$volume/mysql.ibd" ] || [ -d "$volume/moving" ]; then
        kubectl="kubectl -n ${POD_NAMESPACE:-NAMESPACE}"
        echo "mysql_server: the database is at the top of this volume, where the official image's entrypoint keeps it," \
            "not in its folder data. Fix: move it with" \
            "$kubectl debug $HOSTNAME --copy-to=$HOSTNAME-move --same-node --container=mysql -- bash /in_pod/mysql_move.sh" \
            "&& $kubectl wait --for=condition=Ready pod/$HOSTNAME --timeout=10m && $kubectl delete pod $HOSTNAME-move" >&2
        exit 1
    fi
    rm -rf "$new"
    echo "mysql_server: initialising a new database"
    mysqld --initialize-insecure --datadir="$new" "${initial[@]}"
    [ ${#initial[@]} -eq 0 ] || printf '%s\n' "${initial[@]}" >"$new/initial-options"
    mv "$new" "$data"
fi
# An option that is no longer given still applies to the data. Of two mysqld takes the last, and rejects another value.
if [ -e "$data/initial-options" ]; then
    mapfile -t stored <"$data/initial-options"
    initial=("${stored[@]}" "${initial[@]}")
fi
# load_renewed CHECKSUM: loads the certificate of the folder $TLS whenever the kubelet has renewed it, without a restart. A file
# that mysqld rejects is tried again; until then it keeps the certificate that it has.
load_renewed() {
    local loaded=$1 current
    # Until mysqld ends, which has the number of this shell.
    while sleep "${RENEWED_SECONDS:-60}" && [ -e "/proc/$$/exe" ]; do
        current=$(cat "$TLS"/* | cksum) || continue
        [ "$current" != "$loaded" ] || continue
        # shellcheck source=components/in_pod/mysql_root.sh
        if (. "$(dirname "$0")/mysql_root.sh" && mysql --defaults-extra-file="$options" -e 'ALTER INSTANCE RELOAD TLS'); then
            echo "mysql_server: the renewed certificate is loaded"
            loaded=$current
        fi
    done
}
if [ -n "${TLS:-}" ]; then
    checksum=$(cat "$TLS"/* | cksum)
    load_renewed "$checksum" &
fi
# In memory; mysqld reads it once.
(umask 077 && server_sql >"$rendered/init.sql")
# root@localhost has no password until the init file has run; mysqld accepts connections only after that.
exec mysqld --datadir="$data" --init-file="$rendered/init.sql" "${initial[@]}" "$@"
