#!/bin/bash
# Lets one node start first on an empty database; the others wait until it has made the administrator and the
# registry's root. Nodes that start together on an empty database throw while each adds the same rows.
#
# The user store is complete with the role that every user store makes (UM_HYBRID_ROLE: everyone; carbon-kernel,
# AbstractUserStoreManager, doInitialUserAdding): with users in LDAP UM_USER stays empty. The registry's root is made
# after the user store (it needs the realm service), so on a fresh database both mean a complete first start.
set -euo pipefail
me=${POD_NAME:?}
# A start may take so long (the startup probe's limit); a claim that is older belongs to a node that is gone.
stale_seconds=$((${START_SECONDS:?} + 60))
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
# shellcheck source=components/in_pod/mysql_wait.sh
. "$(dirname "$0")/mysql_wait.sh"
client_files "$rendered"

# counted: $users and $roots hold how much a first start has made; 0 is nothing.
counted() {
    query user 'SELECT (SELECT COUNT(*) FROM UM_USER) + (SELECT COUNT(*) FROM UM_HYBRID_ROLE)' || return 1
    users=$answer
    query registry "SELECT COUNT(*) FROM REG_PATH WHERE REG_PATH_VALUE = '/'" || return 1
    roots=$answer
}

# claimed: $answer is the node that goes first. One statement decides: insert, keep one's own claim, or take over a claim
# that is too old.
claimed() {
    query user "
        INSERT INTO WSO2EI_BOOTSTRAP (ID, HOLDER, CLAIMED) VALUES (1, '$me', NOW())
        ON DUPLICATE KEY UPDATE
            HOLDER = IF(CLAIMED < NOW() - INTERVAL $stale_seconds SECOND, '$me', HOLDER),
            CLAIMED = IF(HOLDER = '$me', NOW(), CLAIMED);
        SELECT HOLDER FROM WSO2EI_BOOTSTRAP WHERE ID = 1"
}

reported=
report() {
    [ "$1" = "$reported" ] || echo "$1"
    reported=$1
}

while :; do
    if counted; then
        if [ "$users" -gt 0 ] && [ "$roots" -gt 0 ]; then
            echo "gate: the administrator and the registry exist; starting"
            exit 0
        fi
        if claimed; then
            if [ "$answer" = "$me" ]; then
                echo "gate: the database is empty and this node goes first"
                exit 0
            fi
            report "gate: waiting for $answer to make the administrator and the registry"
            # MySQL answers: the same error later begins another minute.
            refusal='' final_code=''
        fi
    fi
    if [ -n "$refusal" ]; then
        if final; then
            case $refusal in *'ERROR 1146'*)
                echo "gate: the tables are gone ($refusal): MySQL lost its data since they were loaded, or names another" \
                    "database. fix: kubectl -n ${NAMESPACE:-NAMESPACE} delete job -l app.kubernetes.io/name=wso2ei-schema;" \
                    "pulumi up --refresh. Data that is lost at every restart: docs/troubleshooting.md, lost tables" >&2
                exit 1 ;;
            esac
            echo "gate: MySQL rejects this node: $refusal" >&2
            exit 1
        fi
        report "gate: waiting for MySQL: $refusal"
        refusal=
    fi
    sleep "$pause_seconds"
done
