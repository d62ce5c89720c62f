#!/bin/bash
# STAND-IN for WSO2's entrypoint (generation B): copies what is mounted, then starts the server without exec, so that
# this shell stays PID 1 and a SIGTERM to the container is lost.
set -e
config_volume=${WORKING_DIRECTORY}/wso2-config-volume
artifact_volume=${WORKING_DIRECTORY}/wso2-artifact-volume
test ! -d "${WORKING_DIRECTORY}" && echo "WSO2 Docker non-root user home does not exist" && exit 1
test ! -d "${WSO2_SERVER_HOME}" && echo "WSO2 Docker product home does not exist" && exit 1
test -d "${config_volume}" && [[ "$(ls -A "${config_volume}")" ]] && cp -RL "${config_volume}"/* "${WSO2_SERVER_HOME}"
test -d "${artifact_volume}" && [[ "$(ls -A "${artifact_volume}")" ]] && cp -RL "${artifact_volume}"/* "${WSO2_SERVER_HOME}"
@MEMBER_HOST@
sh "${WSO2_SERVER_HOME}/bin/integrator.sh" "$@"
