# shellcheck shell=bash
# Sourced by the programs in the MySQL image: reads passwords from mounted files and quotes them for SQL and option files.
#
# A password is one line of text without control characters; a line end after it, as editors and `echo` write it, is
# not part of it. No message contains a password.
secrets=${SECRETS:-/run/secrets}

# read_secret VARIABLE FILE: reads a password from a file of a mounted Secret.
read_secret() {
    local content LC_ALL=C
    [ -r "$secrets/$2" ] || { echo "$secrets/$2 is missing or not readable" >&2; exit 1; }
    content=$(<"$secrets/$2")
    content=${content%"${content##*[!$'\r\n']}"}
    [ -n "$content" ] || { echo "the password in $secrets/$2 is empty" >&2; exit 1; }
    if [[ $content == *[[:cntrl:]]* ]]; then
        echo "the password in $secrets/$2 contains a line end or another control character, which is not supported" >&2
        exit 1
    fi
    printf -v "$1" %s "$content"
}

# sql_text VALUE: prints VALUE as an SQL string literal.
sql_text() {
    local backslash=\\ quote=\' text=$1
    text=${text//"$backslash"/"$backslash$backslash"}
    printf "'%s'" "${text//"$quote"/"$quote$quote"}"
}

# option_text VALUE: prints VALUE quoted for a MySQL option file.
option_text() {
    local backslash=\\ quote=\" text=$1
    text=${text//"$backslash"/"$backslash$backslash"}
    printf '"%s"' "${text//"$quote"/"$backslash$quote"}"
}

# server_sql: prints the init file, which mysqld runs at every start before it accepts connections. Creates missing
# databases and users and sets every password, so that a new stack works with existing data and a restart rotates
# passwords. One statement per line, as init_file requires.
server_sql() {
    local password kind database user pattern backup=
    read_secret password mysql/root-password
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(sql_text "$password");"
    if [ -n "${BACKUP_DATABASE_USER:-}" ]; then
        backup="$(sql_text "$BACKUP_DATABASE_USER")@'%'"
        read_secret password backup/backup-password
        echo "CREATE USER IF NOT EXISTS $backup IDENTIFIED BY $(sql_text "$password");"
        echo "ALTER USER $backup IDENTIFIED BY $(sql_text "$password");"
        # A privilege of the whole server; without it mysqldump leaves out routines of other users.
        echo "GRANT SHOW_ROUTINE ON *.* TO $backup;"
    fi
    for kind in USER REGISTRY; do
        database=${kind}_DATABASE user=${kind}_DATABASE_USER
        database=${!database} user="$(sql_text "${!user}")@'%'"
        read_secret password "mysql/${kind,,}-password"
        echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"
        echo "CREATE USER IF NOT EXISTS $user IDENTIFIED BY $(sql_text "$password");"
        echo "ALTER USER $user IDENTIFIED BY $(sql_text "$password");"
        # In the name of a grant `_` and `%` are wildcards. Stacks of 1.0.0 have a grant on the unescaped name.
        pattern=${database//_/\\_}
        pattern=${pattern//%/\\%}
        [ "$pattern" = "$database" ] || echo "REVOKE IF EXISTS ALL PRIVILEGES ON \`$database\`.* FROM $user;"
        echo "GRANT ALL PRIVILEGES ON \`$pattern\`.* TO $user;"
        [ -z "$backup" ] || echo "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON \`$pattern\`.* TO $backup;"
    done
}

# client_files FOLDER [KIND...]: writes FOLDER/user.cnf and FOLDER/registry.cnf, or those of other logins, for
# mysql --defaults-extra-file.
client_files() {
    local password kind database user folder=$1
    shift
    [ $# -gt 0 ] || set -- USER REGISTRY
    umask 077
    for kind in "$@"; do
        database=${kind}_DATABASE user=${kind}_DATABASE_USER
        read_secret password "mysql/${kind,,}-password"
        {
            printf '[client]\nhost=%s\nport=%s\nuser=%s\n' "$DATABASE_HOST" "$DATABASE_PORT" "${!user}"
            printf 'password=%s\nssl-mode=%s\n' "$(option_text "$password")" "$DATABASE_SSL_MODE"
            [ -z "${DATABASE_CA:-}" ] || printf 'ssl-ca=%s\n' "$DATABASE_CA"
            # Without TLS caching_sha2_password encrypts the password with the server's public key.
            [ "$DATABASE_SSL_MODE" != DISABLED ] || echo get-server-public-key
            # mysqldump, which reads the group [client] too, rejects connect-timeout.
            printf '\n[mysql]\nconnect-timeout=5\ndatabase=%s\n' "${!database}"
        } >"$folder/${kind,,}.cnf"
    done
}

# admin_sql: prints SQL that sets the administrator's password if the row exists with another one. WSO2's default user
# store keeps base64(SHA-256(password + salt)) (carbon-kernel, JDBCUserStoreManager). On an empty database EI itself
# creates the row from user-mgt.xml.
admin_sql() {
    local password
    read_secret password admin/password
    password=$(sql_text "$password")
    cat <<SQL
SET @salt = TO_BASE64(RANDOM_BYTES(16));
SET @hash = TO_BASE64(UNHEX(SHA2(CONCAT($password, @salt), 256)));
UPDATE UM_USER SET
    UM_USER_PASSWORD = (@hash), UM_SALT_VALUE = @salt,
    UM_REQUIRE_CHANGE = 0, UM_CHANGED_TIME = NOW()
WHERE UM_USER_NAME = $(sql_text "$ADMIN_USERNAME") AND UM_TENANT_ID = -1234
    AND UM_USER_PASSWORD <> TO_BASE64(UNHEX(SHA2(CONCAT($password, UM_SALT_VALUE), 256)));
SQL
}
