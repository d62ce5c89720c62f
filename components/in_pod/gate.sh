#!/bin/bash
# Lets one node start first on an empty database; the others wait until it has made the administrator and the
# registry's root. Nodes that start together on an empty database throw while each adds the same rows.
set -euo pipefail
me=${POD_NAME:?}
stale_seconds=300
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
credentials=/run/rendered
client_files "$credentials"
sql() { mysql --defaults-extra-file="$credentials/$1.cnf" --batch --skip-column-names --execute="$2"; }

waited=0
while :; do
    if admins=$(sql user 'SELECT COUNT(*) FROM UM_USER') &&
        roots=$(sql registry "SELECT COUNT(*) FROM REG_PATH WHERE REG_PATH_VALUE = '/'"); then
        if [ "$admins" -gt 0 ] && [ "$roots" -gt 0 ]; then
            echo "gate: the administrator and the registry exist; starting"
            exit 0
        fi
        # One statement decides: insert, keep one's own claim, or take over a claim whose holder has been silent.
        holder=$(sql user "
            INSERT INTO WSO2EI_BOOTSTRAP (ID, HOLDER, CLAIMED) VALUES (1, '$me', NOW())
            ON DUPLICATE KEY UPDATE
                HOLDER = IF(CLAIMED < NOW() - INTERVAL $stale_seconds SECOND, '$me', HOLDER),
                CLAIMED = IF(HOLDER = '$me', NOW(), CLAIMED);
            SELECT HOLDER FROM WSO2EI_BOOTSTRAP WHERE ID = 1")
        if [ "$holder" = "$me" ]; then
            echo "gate: the database is empty and this node goes first"
            exit 0
        fi
        [ $((waited % 20)) -ne 0 ] || echo "gate: waiting for $holder to make the administrator and the registry (${waited}s)"
    fi
    sleep 2
    waited=$((waited + 2))
done
