# Sourced: leaves in $options an option file for root's clients, which goes when the script ends.
#
# The password is in the init file, the only place that always holds the current one. It is never an argument, which
# `ps` would show.
init=${MYSQL_INIT_FILE:-/run/secrets/mysql/init.sql}
umask 077
options=$(mktemp)
trap 'rm -f "$options"' EXIT
trap 'exit 1' HUP INT TERM
password=$(sed -n "s/^ALTER USER 'root'@'localhost' IDENTIFIED BY '\(.*\)';\$/\1/p" "$init" |
    sed -e "s/\\\\'/'/g" -e 's/"/\\"/g')
[ -n "$password" ] || { echo "$(basename "$0"): no password of root in $init" >&2; exit 1; }
printf '[client]\nuser=root\npassword="%s"\n' "$password" >"$options"
