#!/bin/bash
# The official image's entrypoint makes databases and users from variables. That is not imitated here; a command
# other than mysqld is run as it is, as there.
set -eu
case ${1:-} in
    mysqld | -*)
        echo "STAND-IN for mysql:8.4: the official entrypoint's initialisation is not imitated; give a command" >&2
        exit 64 ;;
esac
exec "$@"
