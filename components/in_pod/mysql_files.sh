# shellcheck shell=bash
# Sourced by the programs that run in the MySQL image: passwords from mounted files, quoted for SQL and option files.
#
# A password is one line of text; the line end that editors and `echo` leave behind it does not belong to it. It may
# hold any character but control characters, and none of it is ever printed.
secrets=${SECRETS:-/run/secrets}

# read_secret VARIABLE FILE: the password in a file below the mounted Secrets.
read_secret() {
    local content LC_ALL=C
    [ -r "$secrets/$2" ] || { echo "there is no readable file $secrets/$2" >&2; exit 1; }
    content=$(<"$secrets/$2")
    content=${content%"${content##*[!$'\r\n']}"}
    [ -n "$content" ] || { echo "the password in $secrets/$2 is empty" >&2; exit 1; }
    if [[ $content == *[[:cntrl:]]* ]]; then
        echo "the password in $secrets/$2 holds a line end or another control character, which no password here may" >&2
        exit 1
    fi
    printf -v "$1" %s "$content"
}

# sql_text VALUE: an SQL string literal.
sql_text() {
    local backslash=\\ quote=\' text=$1
    text=${text//"$backslash"/"$backslash$backslash"}
    printf "'%s'" "${text//"$quote"/"$quote$quote"}"
}

# option_text VALUE: a value of a MySQL option file, in double quotes.
option_text() {
    local backslash=\\ quote=\" text=$1
    text=${text//"$backslash"/"$backslash$backslash"}
    printf '"%s"' "${text//"$quote"/"$backslash$quote"}"
}

# server_sql: what mysqld runs at every start before it listens. Makes what is missing and sets every password, so a
# fresh stack fits kept data, and rotation is a restart. One statement a line, as init_file demands.
server_sql() {
    local password kind database user
    read_secret password mysql/root-password
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(sql_text "$password");"
    for kind in USER REGISTRY; do
        database=${kind}_DATABASE user=${kind}_DATABASE_USER
        database=${!database} user="$(sql_text "${!user}")@'%'"
        read_secret password "mysql/${kind,,}-password"
        echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"
        echo "CREATE USER IF NOT EXISTS $user IDENTIFIED BY $(sql_text "$password");"
        echo "ALTER USER $user IDENTIFIED BY $(sql_text "$password");"
        echo "GRANT ALL PRIVILEGES ON \`$database\`.* TO $user;"
    done
}

# client_files FOLDER: FOLDER/user.cnf and FOLDER/registry.cnf, for mysql's --defaults-extra-file.
client_files() {
    local password kind database user
    umask 077
    for kind in USER REGISTRY; do
        database=${kind}_DATABASE user=${kind}_DATABASE_USER
        read_secret password "mysql/${kind,,}-password"
        {
            printf '[client]\nhost=%s\nport=%s\nuser=%s\n' "$DATABASE_HOST" "$DATABASE_PORT" "${!user}"
            printf 'password=%s\nconnect-timeout=5\nssl-mode=%s\n' "$(option_text "$password")" "$DATABASE_SSL_MODE"
            [ -z "${DATABASE_CA:-}" ] || printf 'ssl-ca=%s\n' "$DATABASE_CA"
            # Without TLS caching_sha2_password hides the password with the server's key.
            [ "$DATABASE_SSL_MODE" != DISABLED ] || echo get-server-public-key
            printf '\n[mysql]\ndatabase=%s\n' "${!database}"
        } >"$1/${kind,,}.cnf"
    done
}

# admin_sql: sets the administrator's password where the row exists and has another one. WSO2's default store keeps
# base64(SHA-256(password + salt)) (carbon-kernel, JDBCUserStoreManager). On an empty database there is no row yet: EI
# makes it from user-mgt.xml.
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
