#!/bin/bash
# Checks the options of the next server while the running one still serves: mysqld validates all of them, and those that
# count at initialisation are compared with the running server.
#
#   mysql_options.sh [OPTION THAT COUNTS AT INITIALISATION...] -- [OPTION...]
set -euo pipefail
# shellcheck source=components/in_pod/mysql_files.sh
. "$(dirname "$0")/mysql_files.sh"
# shellcheck source=components/in_pod/mysql_wait.sh
. "$(dirname "$0")/mysql_wait.sh"
# A cluster's network admits a new pod to the server some seconds after its start (NetworkPolicy), and rejects its
# connections until then, as it does where there is no server.
connect_seconds=${CONNECT_SECONDS:-20}
initial=()
while [ "$1" != -- ]; do
    initial+=("$1")
    shift
done
shift
if ! mysqld --validate-config --log-error-verbosity=1 "${initial[@]}" "$@"; then
    echo "mysql_options: mysqld rejects mysql.options; the running server, if there is one, is unchanged" >&2
    exit 1
fi
[ ${#initial[@]} -gt 0 ] || exit 0
client_files "$rendered"
for option in "${initial[@]}"; do
    name=${option%%=*} value=${option#*=}
    name=${name#--} name=${name//-/_}
    until query user "SELECT @@GLOBAL.$name"; do
        if ! [[ $refusal =~ $passing ]] || [ "$SECONDS" -ge "$connect_seconds" ]; then
            echo "mysql_options: $option is not compared with a running server: $refusal"
            continue 2
        fi
        sleep "$pause_seconds"
    done
    case $value in [0-9]*[kK]) value=$((${value%[kK]} * 1024)) ;; esac
    if [ "$value" != "$answer" ]; then
        echo "mysql_options: $option counts at initialisation only, and the data was initialised with $name=$answer." \
            "Fix: set --${name//_/-}=$answer in mysql.options, or move the data by dump and restore (docs/storage.md)" >&2
        exit 1
    fi
done
echo "mysql_options: valid"
