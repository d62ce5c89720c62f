#!/bin/bash
# Loads WSO2's tables into the user and the registry database, and sets the administrator's password.
#
# May be killed and run again at any point; never drops anything. WSO2's script cannot be run twice (its tables have
# no IF NOT EXISTS), so a database is marked when the script has gone through; an unmarked one gets the script again,
# and only the errors that mean "exists" are ignored (each statement of it is atomic in MySQL 8).
#
# Tables of another EI version end the Job, so no node of this one starts. The scripts of 6.2.0 to 6.5.0 are the same,
# mysql5.7.sql; that of 6.6.0, mysql.sql, makes names of roles and domains unique (carbon-kernel v4.4.26 to v4.4.40 and
# v4.5.3, distribution/kernel/carbon-home/dbscripts), and so do WSO2's migration scripts for 6.6.0.
set -euo pipefail
script=${1:?the SQL script}
name=$(basename "$script")
scratch=${TMPDIR:-/tmp}
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
# shellcheck source=components/in_pod/mysql_wait.sh
. "$(dirname "$0")/mysql_wait.sh"
longest_seconds=${LONGEST_SECONDS:-600}
client_files "$rendered"
exists='ERROR (1050|1060|1061|1062|1826|1022|3822) '
keyless='REG_RESOURCE_COMMENT|REG_RESOURCE_RATING|REG_RESOURCE_TAG|REG_RESOURCE_PROPERTY|UM_SHARED_USER_ROLE'

# answers DATABASE: it can be used. The server reports the name of its claim (--report-host): after a move of the data
# the one with the old claim may still be there for a moment, and has all tables.
expected=${MYSQL_VOLUME:-}
answers() {
    query "$1" 'SELECT 1' || return 1
    [ -n "$expected" ] || return 0
    query "$1" 'SELECT @@report_host' || return 1
    refusal="the server still has the claim $answer, not $expected"
    [ "$answer" = "$expected" ]
}

# reach DATABASE: waits until it answers.
reach() {
    local reported=
    until answers "$1"; do
        if final; then
            echo "schema: MySQL rejects the connection to the $1 database: $refusal"
            exit 1
        fi
        if [ "$SECONDS" -ge "$longest_seconds" ]; then
            echo "schema: MySQL did not answer in $((longest_seconds / 60)) minutes: $refusal"
            exit 1
        fi
        [ "$refusal" = "$reported" ] || echo "schema: waiting for the $1 database: $refusal"
        reported=$refusal
        sleep "$pause_seconds"
    done
}

# on DATABASE SQL: its result in $answer, or the end.
on() {
    query "$1" "$2" || { echo "schema: MySQL rejects a statement in the $1 database: $refusal"; exit 1; }
}

# value SYSTEM_VARIABLE: 0 or 1, and 0 where the server is too old to know it.
value() {
    if query user "SELECT @@$1"; then echo "$answer"; else echo 0; fi
}

# keyed: the script, in a server that rejects tables without a primary key (sql_require_primary_key, or a member of an
# InnoDB cluster, which rejects their rows) with one in the five that have none. The column is invisible: EI's statements
# neither read nor write it.
keyed() {
    local members=0
    query user "SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'group_replication' \
        AND PLUGIN_STATUS = 'ACTIVE'" && members=$answer
    if [ "$(value sql_generate_invisible_primary_key)" = 1 ] ||
        { [ "$members" = 0 ] && [ "$(value sql_require_primary_key)" != 1 ]; }; then
        cat "$script"
        return
    fi
    echo "schema: this server demands primary keys; the five tables without one get an invisible one" >&2
    column='WSO2EI_ROW BIGINT UNSIGNED NOT NULL AUTO_INCREMENT /*!80023 INVISIBLE */ PRIMARY KEY'
    sed -E "s#^( *CREATE TABLE( IF NOT EXISTS)? +($keyless) *\()#\1 $column,#I" "$script"
}

# mark DATABASE: its tables are those of the script.
mark() {
    on "$1" "INSERT INTO WSO2EI_SCHEMA (SCRIPT) VALUES ('$name') ON DUPLICATE KEY UPDATE LOADED = CURRENT_TIMESTAMP"
}

# reject_other_tables: ends where the user database has tables of another EI version than the script's.
reject_other_tables() {
    on user "SELECT CASE WHEN COUNT(*) = 0 THEN 'none'
        WHEN SUM(NON_UNIQUE = 0 AND COLUMN_NAME = 'UM_ROLE_NAME') > 0 THEN 'unique' ELSE 'plain' END
        FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'UM_HYBRID_ROLE'"
    local unchanged="Nothing was changed, and no node of $EI_VERSION was started."
    case $answer/$name in
        plain/mysql.sql)
            echo "schema: the user database has the tables of EI 6.2.0 to 6.5.0, not those of $EI_VERSION. $unchanged" \
                "Fix: run WSO2's migration to 6.6.0 (docs/upgrade-ei.md, the tables of 6.6.0), then pulumi up;" \
                "or set ei.version to the earlier version"
            exit 1 ;;
        unique/mysql5.7.sql)
            echo "schema: the user database has the tables of EI 6.6.0, not those of $EI_VERSION. $unchanged" \
                "WSO2 has no migration to an earlier version. Fix: set ei.version to 6.6.0, or restore a backup of" \
                "the earlier version (docs/upgrade-ei.md, going back)"
            exit 1 ;;
    esac
}

reach user
reach registry
keyed >"$scratch/script.sql"
for database in user registry; do
    on "$database" 'CREATE TABLE IF NOT EXISTS WSO2EI_SCHEMA
        (SCRIPT VARCHAR(255) PRIMARY KEY, LOADED TIMESTAMP DEFAULT CURRENT_TIMESTAMP)'
    on "$database" 'SELECT SCRIPT FROM WSO2EI_SCHEMA ORDER BY LOADED DESC LIMIT 1'
    marked=$answer
    [ "$database" != user ] || [ "$marked" = "$name" ] || reject_other_tables
    if [ -n "$marked" ]; then
        # Another mark, and tables that fit: they were migrated.
        [ "$marked" = "$name" ] || mark "$database"
        echo "schema: the $database database has its tables"
        continue
    fi
    echo "schema: loading $name into the $database database"
    code=0
    mysql --defaults-extra-file="$rendered/$database.cnf" --force <"$scratch/script.sql" 2>"$scratch/errors" || code=$?
    # 1 may mean rejected statements only; a client that was killed has not gone through the script.
    if [ "$code" -gt 1 ]; then
        echo "schema: the mysql client ended with exit code $code while it loaded the $database database"
        exit 1
    fi
    if grep '^ERROR' "$scratch/errors" | grep -Ev "$exists" >"$scratch/rejected"; then
        echo "schema: MySQL rejected parts of $name in the $database database:"
        head -n 20 "$scratch/rejected"
        exit 1
    fi
    on "$database" "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()
        AND (table_name LIKE 'UM\\_%' OR table_name LIKE 'REG\\_%')"
    tables=$answer
    [ "$tables" -gt 0 ] || { echo "schema: no UM_ or REG_ table exists after loading:"; cat "$scratch/errors"; exit 1; }
    mark "$database"
    echo "schema: $tables tables in the $database database"
done
on user "$(cat "$(dirname "$0")/bootstrap.sql")"
admin_sql | mysql --defaults-extra-file="$rendered/user.cnf"
echo "schema: done"
