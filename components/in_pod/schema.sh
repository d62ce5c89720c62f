#!/bin/bash
# Loads WSO2's tables into the user and the registry database, and sets the administrator's password.
#
# May be killed and run again at any point; never drops anything. WSO2's script cannot be run twice (its tables have
# no IF NOT EXISTS), so a database is marked when the script has gone through; an unmarked one gets the script again,
# and only the errors that say "is there already" are passed over (each statement of it is atomic in MySQL 8).
set -euo pipefail
script=${1:?the SQL script}
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
credentials=/run/rendered
client_files "$credentials"
already='ERROR (1050|1060|1061|1062|1826|1022|3822) '
sql() { mysql --defaults-extra-file="$credentials/$1.cnf" --batch --skip-column-names "${@:2}"; }

# The server says the name of its claim (--report-host). After a move of the data the one with the old claim may still
# be there for a moment, and has all tables.
expected=${MYSQL_VOLUME:-}
answers() {
    refusal=$(sql user --execute='SELECT 1' 2>&1 >/dev/null) || return 1
    [ -n "$expected" ] || return 0
    claim=$(sql user --execute='SELECT @@report_host' 2>/dev/null) || return 1
    refusal="the server still has the claim $claim, not $expected"
    [ "$claim" = "$expected" ]
}
waited=0
until answers; do
    case $refusal in *'ERROR 1045'* | *'ERROR 1044'* | *'ERROR 1049'*)
        # The server sets its users from the newest Secret when it starts; it may be about to restart.
        [ "$waited" -lt 120 ] || { echo "schema: MySQL refuses: $refusal"; exit 1; } ;;
    esac
    [ $((waited % 10)) -ne 0 ] || echo "schema: waiting for MySQL (${waited}s): $refusal"
    sleep 2
    waited=$((waited + 2))
    [ "$waited" -lt 600 ] || { echo "schema: MySQL did not answer in 10 minutes: $refusal"; exit 1; }
done

for database in user registry; do
    until sql "$database" --execute='SELECT 1' >/dev/null; do sleep 2; done
    sql "$database" --execute='CREATE TABLE IF NOT EXISTS WSO2EI_SCHEMA (SCRIPT VARCHAR(255) PRIMARY KEY, LOADED TIMESTAMP DEFAULT CURRENT_TIMESTAMP)'
    loaded=$(sql "$database" --execute='SELECT COUNT(*) FROM WSO2EI_SCHEMA')
    if [ "$loaded" -gt 0 ]; then
        echo "schema: the $database database has its tables"
        continue
    fi
    echo "schema: loading $(basename "$script") into the $database database"
    mysql --defaults-extra-file="$credentials/$database.cnf" --force <"$script" 2>/tmp/errors || true
    if grep '^ERROR' /tmp/errors | grep -Ev "$already" >/tmp/refused; then
        echo "schema: MySQL refused parts of $(basename "$script") in the $database database:"
        head -n 20 /tmp/refused
        exit 1
    fi
    tables=$(sql "$database" --execute="SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND (table_name LIKE 'UM\\_%' OR table_name LIKE 'REG\\_%')")
    [ "$tables" -gt 0 ] || { echo "schema: no UM_ or REG_ table exists after loading:"; cat /tmp/errors; exit 1; }
    sql "$database" --execute="INSERT INTO WSO2EI_SCHEMA (SCRIPT) VALUES ('$(basename "$script")')"
    echo "schema: $tables tables in the $database database"
done
sql user <"$(dirname "$0")/bootstrap.sql"
admin_sql | sql user
echo "schema: done"
