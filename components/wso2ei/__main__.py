"""``python -m components.wso2ei patches --version 6.5.0``: the patch table as the init container reads it.

Values that would travel in the Secret are masked.
"""

from __future__ import annotations

import argparse
import json

from components.wso2ei.patches import Datasource, EiConfig, EiSecrets, plain_patches, secret_patches
from components.wso2ei.versions import VERSIONS, version_of

_MASK = "********"


def example() -> EiConfig:
    """A configuration with the names of the local stack."""
    return EiConfig(
        namespace="wso2",
        members_service="wso2ei-members",
        domain="wso2.wso2ei",
        console_host="wso2ei-scalable-integrator",
        gateway_host="wso2ei-scalable-integrator-gateway",
        mysql_host="wso2ei-mysql",
        user_database=Datasource("WSO2_USER_DB", "jdbc/WSO2UserDB", "WSO2EI_USER_DB", "wso2ei_user", 50),
        registry_database=Datasource(
            "WSO2_CONFIG_DB", "jdbc/WSO2ConfigDB", "WSO2EI_INTEGRATOR_CONFIG_GOV_DB", "wso2ei_registry", 80
        ),
        truststore="/home/wso2carbon/truststore/client-truststore.jks",
        admin_username="admin",
    )


def main() -> None:
    """Print the table of one version."""
    parser = argparse.ArgumentParser(prog="python -m components.wso2ei", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    patches = verbs.add_parser("patches", help="print the patch table")
    patches.add_argument("--version", required=True, choices=list(VERSIONS))
    version = version_of(parser.parse_args().version)
    table = [*plain_patches(version, example()), *secret_patches(example(), EiSecrets(_MASK, _MASK, _MASK))]
    print(json.dumps({"patches": table}, indent=1))


if __name__ == "__main__":
    main()
