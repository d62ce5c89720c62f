#!/bin/sh
# STAND-IN for EI's start script: the same variables, the same pid file, the same "stop" that returns at once.
CARBON_HOME=$(cd "$(dirname "$0")/.." && pwd)
args=""
for word in "$@"; do
    case $word in
        stop)
            kill -TERM "$(cat "$CARBON_HOME/wso2carbon.pid")"
            exit 0 ;;
        start | restart | --debug)
            echo "STAND-IN: '$word' is not imitated" >&2
            exit 64 ;;
        *) args="$args $word" ;;
    esac
done
if [ -z "$JVM_MEM_OPTS" ]; then
    JVM_MEM_OPTS="-Xms256m -Xmx1024m"
fi
echo "Using Java memory options: $JVM_MEM_OPTS"
# As in the real script, JAVA_OPTS come last and unquoted, so a later value wins and spaces separate.
java $JVM_MEM_OPTS -XX:+HeapDumpOnOutOfMemoryError \
    -XX:HeapDumpPath="$CARBON_HOME/repository/logs/heap-dump.hprof" \
    -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto -Dsun.net.httpserver.nodelay=true \
    $JAVA_OPTS -Dcarbon.home="$CARBON_HOME" -Dei.version=@VERSION@ \
    -cp "$CARBON_HOME/wso2/components/*:$CARBON_HOME/lib/*:$CARBON_HOME/dropins/*" Main $args
status=$?
# 121 asks for a restart inside the container, as the console's "restart" does.
[ "$status" -eq 121 ] && exec sh "$0" "$@"
exit "$status"
