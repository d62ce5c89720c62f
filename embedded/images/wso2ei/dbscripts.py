"""SQL scripts with the names, keys and traits of the kernel's own: 40 tables, not made to be run twice.

Described as data, not copied: table -> (columns, keys). ``mysql.sql`` of the versions before 6.6 gives a TIMESTAMP the
default 0, which a server in strict mode refuses ("Invalid default value"); ``mysql5.7.sql`` does not. The script of 6.6
makes paths and the names of domains and roles unique (carbon-kernel v4.4.40 and v4.5.3, dbscripts).
"""

from __future__ import annotations

_ID = "INTEGER NOT NULL AUTO_INCREMENT"
_TENANT = "INTEGER DEFAULT 0"

# name: (columns, primary key, unique keys, foreign keys as column -> table(columns))
_UM = {
    "UM_TENANT": ("UM_ID {id}, UM_DOMAIN_NAME VARCHAR(255) NOT NULL, UM_EMAIL VARCHAR(255), UM_ACTIVE BOOLEAN DEFAULT FALSE, "
                  "UM_CREATED_DATE TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, UM_USER_CONFIG LONGBLOB", "UM_ID", ["UM_DOMAIN_NAME"], {}),
    "UM_DOMAIN": ("UM_DOMAIN_ID {id}, UM_DOMAIN_NAME VARCHAR(255), UM_TENANT_ID {tenant}", "UM_DOMAIN_ID, UM_TENANT_ID", ["UM_DOMAIN_NAME, UM_TENANT_ID"], {}),
    "UM_USER": ("UM_ID {id}, UM_USER_NAME VARCHAR(255) NOT NULL, UM_USER_PASSWORD VARCHAR(255) NOT NULL, UM_SALT_VALUE VARCHAR(31), "
                "UM_REQUIRE_CHANGE BOOLEAN DEFAULT FALSE, UM_CHANGED_TIME TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, "
                "UM_TENANT_ID {tenant}", "UM_ID, UM_TENANT_ID", ["UM_USER_NAME, UM_TENANT_ID"], {}),
    "UM_SYSTEM_USER": ("UM_ID {id}, UM_USER_NAME VARCHAR(255) NOT NULL, UM_USER_PASSWORD VARCHAR(255) NOT NULL, UM_TENANT_ID {tenant}",
                       "UM_ID, UM_TENANT_ID", ["UM_USER_NAME, UM_TENANT_ID"], {}),
    "UM_ROLE": ("UM_ID {id}, UM_ROLE_NAME VARCHAR(255) NOT NULL, UM_TENANT_ID {tenant}, UM_SHARED_ROLE BOOLEAN DEFAULT FALSE",
                "UM_ID, UM_TENANT_ID", ["UM_ROLE_NAME, UM_TENANT_ID"], {}),
    "UM_MODULE": ("UM_ID {id}, UM_MODULE_NAME VARCHAR(100)", "UM_ID", ["UM_MODULE_NAME"], {}),
    "UM_MODULE_ACTIONS": ("UM_ACTION VARCHAR(255) NOT NULL, UM_MODULE_ID INTEGER NOT NULL", "UM_ACTION, UM_MODULE_ID", [],
                          {"UM_MODULE_ID": "UM_MODULE(UM_ID)"}),
    "UM_PERMISSION": ("UM_ID {id}, UM_RESOURCE_ID VARCHAR(255) NOT NULL, UM_ACTION VARCHAR(255) NOT NULL, UM_TENANT_ID {tenant}, "
                      "UM_MODULE_ID INTEGER DEFAULT 0", "UM_ID, UM_TENANT_ID", [], {}),
    "UM_ROLE_PERMISSION": ("UM_ID {id}, UM_PERMISSION_ID INTEGER NOT NULL, UM_ROLE_NAME VARCHAR(255) NOT NULL, "
                           "UM_IS_ALLOWED SMALLINT NOT NULL, UM_TENANT_ID {tenant}, UM_DOMAIN_ID INTEGER", "UM_ID, UM_TENANT_ID", [],
                           {"UM_PERMISSION_ID, UM_TENANT_ID": "UM_PERMISSION(UM_ID, UM_TENANT_ID)",
                            "UM_DOMAIN_ID, UM_TENANT_ID": "UM_DOMAIN(UM_DOMAIN_ID, UM_TENANT_ID)"}),
    "UM_USER_PERMISSION": ("UM_ID {id}, UM_PERMISSION_ID INTEGER NOT NULL, UM_USER_NAME VARCHAR(255) NOT NULL, "
                           "UM_IS_ALLOWED SMALLINT NOT NULL, UM_TENANT_ID {tenant}", "UM_ID, UM_TENANT_ID", [],
                           {"UM_PERMISSION_ID, UM_TENANT_ID": "UM_PERMISSION(UM_ID, UM_TENANT_ID)"}),
    "UM_USER_ROLE": ("UM_ID {id}, UM_ROLE_ID INTEGER NOT NULL, UM_USER_ID INTEGER NOT NULL, UM_TENANT_ID {tenant}", "UM_ID, UM_TENANT_ID",
                     ["UM_USER_ID, UM_ROLE_ID, UM_TENANT_ID"],
                     {"UM_ROLE_ID, UM_TENANT_ID": "UM_ROLE(UM_ID, UM_TENANT_ID)",
                      "UM_USER_ID, UM_TENANT_ID": "UM_USER(UM_ID, UM_TENANT_ID)"}),
    "UM_SHARED_USER_ROLE": ("UM_ROLE_ID INTEGER NOT NULL, UM_USER_ID INTEGER NOT NULL, UM_USER_TENANT_ID INTEGER NOT NULL, "
                            "UM_ROLE_TENANT_ID INTEGER NOT NULL", "",
                            ["UM_USER_ID, UM_ROLE_ID, UM_USER_TENANT_ID, UM_ROLE_TENANT_ID"],
                            {"UM_ROLE_ID, UM_ROLE_TENANT_ID": "UM_ROLE(UM_ID, UM_TENANT_ID)",
                             "UM_USER_ID, UM_USER_TENANT_ID": "UM_USER(UM_ID, UM_TENANT_ID)"}),
    "UM_ACCOUNT_MAPPING": ("UM_ID {id}, UM_USER_NAME VARCHAR(255) NOT NULL, UM_TENANT_ID INTEGER NOT NULL, "
                           "UM_USER_STORE_DOMAIN VARCHAR(100), UM_ACC_LINK_ID INTEGER NOT NULL", "UM_ID", [],
                           {"UM_TENANT_ID": "UM_TENANT(UM_ID)"}),
    "UM_USER_ATTRIBUTE": ("UM_ID {id}, UM_ATTR_NAME VARCHAR(255) NOT NULL, UM_ATTR_VALUE VARCHAR(1024), UM_PROFILE_ID VARCHAR(255), "
                          "UM_USER_ID INTEGER, UM_TENANT_ID {tenant}", "UM_ID, UM_TENANT_ID", [],
                          {"UM_USER_ID, UM_TENANT_ID": "UM_USER(UM_ID, UM_TENANT_ID)"}),
    "UM_DIALECT": ("UM_ID {id}, UM_DIALECT_URI VARCHAR(255) NOT NULL, UM_TENANT_ID {tenant}", "UM_ID, UM_TENANT_ID",
                   ["UM_DIALECT_URI, UM_TENANT_ID"], {}),
    "UM_CLAIM": ("UM_ID {id}, UM_DIALECT_ID INTEGER NOT NULL, UM_CLAIM_URI VARCHAR(255) NOT NULL, UM_DISPLAY_TAG VARCHAR(255), "
                 "UM_TENANT_ID {tenant}", "UM_ID, UM_TENANT_ID", ["UM_DIALECT_ID, UM_CLAIM_URI, UM_TENANT_ID"],
                 {"UM_DIALECT_ID, UM_TENANT_ID": "UM_DIALECT(UM_ID, UM_TENANT_ID)"}),
    "UM_PROFILE_CONFIG": ("UM_ID {id}, UM_DIALECT_ID INTEGER NOT NULL, UM_PROFILE_NAME VARCHAR(255), UM_TENANT_ID {tenant}",
                          "UM_ID, UM_TENANT_ID", [], {"UM_DIALECT_ID, UM_TENANT_ID": "UM_DIALECT(UM_ID, UM_TENANT_ID)"}),
    "UM_CLAIM_BEHAVIOR": ("UM_ID {id}, UM_PROFILE_ID INTEGER, UM_CLAIM_ID INTEGER, UM_BEHAVIOUR SMALLINT, UM_TENANT_ID {tenant}",
                          "UM_ID, UM_TENANT_ID", [],
                          {"UM_PROFILE_ID, UM_TENANT_ID": "UM_PROFILE_CONFIG(UM_ID, UM_TENANT_ID)",
                           "UM_CLAIM_ID, UM_TENANT_ID": "UM_CLAIM(UM_ID, UM_TENANT_ID)"}),
    "UM_HYBRID_ROLE": ("UM_ID {id}, UM_ROLE_NAME VARCHAR(255), UM_TENANT_ID {tenant}", "UM_ID, UM_TENANT_ID",
                       ["UM_ROLE_NAME, UM_TENANT_ID"], {}),
    "UM_HYBRID_USER_ROLE": ("UM_ID {id}, UM_USER_NAME VARCHAR(255), UM_ROLE_ID INTEGER NOT NULL, UM_TENANT_ID {tenant}, "
                            "UM_DOMAIN_ID INTEGER", "UM_ID, UM_TENANT_ID", [],
                            {"UM_ROLE_ID, UM_TENANT_ID": "UM_HYBRID_ROLE(UM_ID, UM_TENANT_ID)",
                             "UM_DOMAIN_ID, UM_TENANT_ID": "UM_DOMAIN(UM_DOMAIN_ID, UM_TENANT_ID)"}),
    "UM_SYSTEM_ROLE": ("UM_ID {id}, UM_ROLE_NAME VARCHAR(255), UM_TENANT_ID {tenant}", "UM_ID, UM_TENANT_ID",
                       ["UM_ROLE_NAME, UM_TENANT_ID"], {}),
    "UM_SYSTEM_USER_ROLE": ("UM_ID {id}, UM_USER_NAME VARCHAR(255), UM_ROLE_ID INTEGER NOT NULL, UM_TENANT_ID {tenant}",
                            "UM_ID, UM_TENANT_ID", [], {"UM_ROLE_ID, UM_TENANT_ID": "UM_SYSTEM_ROLE(UM_ID, UM_TENANT_ID)"}),
    "UM_HYBRID_REMEMBER_ME": ("UM_ID {id}, UM_USER_NAME VARCHAR(255) NOT NULL, UM_COOKIE_VALUE VARCHAR(1024), UM_TENANT_ID {tenant}",
                              "UM_ID, UM_TENANT_ID", [], {}),
}  # fmt: skip

_REG = {
    "REG_CLUSTER_LOCK": ("REG_LOCK_NAME VARCHAR(20), REG_LOCK_STATUS VARCHAR(20), REG_LOCKED_TIME TIMESTAMP {time}, {t}", "REG_LOCK_NAME", [], {}),
    "REG_LOG": ("REG_LOG_ID {id}, REG_PATH VARCHAR(750), REG_USER_ID VARCHAR(31) NOT NULL, REG_LOGGED_TIME TIMESTAMP {time}, "
                "REG_ACTION INTEGER NOT NULL, {t}", "REG_LOG_ID, REG_TENANT_ID", [], {}),
    "REG_PATH": ("REG_PATH_ID {id}, REG_PATH_VALUE VARCHAR(750) NOT NULL, REG_PATH_PARENT_ID INTEGER, {t}",
                 "REG_PATH_ID, REG_TENANT_ID", ["REG_PATH_VALUE, REG_TENANT_ID"], {}),
    "REG_CONTENT": ("REG_CONTENT_ID {id}, REG_CONTENT_DATA LONGBLOB, {t}", "REG_CONTENT_ID, REG_TENANT_ID", [], {}),
    "REG_CONTENT_HISTORY": ("REG_CONTENT_ID INTEGER NOT NULL, REG_CONTENT_DATA LONGBLOB, {t}", "REG_CONTENT_ID, REG_TENANT_ID", [], {}),
    "REG_RESOURCE": ("REG_PATH_ID INTEGER NOT NULL, REG_NAME VARCHAR(256), REG_VERSION {id}, REG_CREATED_TIME TIMESTAMP {time}, "
                     "REG_CONTENT_ID INTEGER, {t}", "REG_VERSION, REG_TENANT_ID", [],
                     {"REG_PATH_ID, REG_TENANT_ID": "REG_PATH(REG_PATH_ID, REG_TENANT_ID)"}),
    "REG_RESOURCE_HISTORY": ("REG_PATH_ID INTEGER NOT NULL, REG_NAME VARCHAR(256), REG_VERSION INTEGER NOT NULL, {t}",
                             "REG_VERSION, REG_TENANT_ID", [], {"REG_PATH_ID, REG_TENANT_ID": "REG_PATH(REG_PATH_ID, REG_TENANT_ID)"}),
    "REG_COMMENT": ("REG_ID {id}, REG_COMMENT_TEXT VARCHAR(500) NOT NULL, REG_USER_ID VARCHAR(31) NOT NULL, "
                    "REG_COMMENTED_TIME TIMESTAMP {time}, {t}", "REG_ID, REG_TENANT_ID", [], {}),
    "REG_RESOURCE_COMMENT": ("REG_COMMENT_ID INTEGER NOT NULL, REG_VERSION INTEGER, REG_PATH_ID INTEGER, {t}", "", [],
                             {"REG_PATH_ID, REG_TENANT_ID": "REG_PATH(REG_PATH_ID, REG_TENANT_ID)",
                              "REG_COMMENT_ID, REG_TENANT_ID": "REG_COMMENT(REG_ID, REG_TENANT_ID)"}),
    "REG_RATING": ("REG_ID {id}, REG_RATING INTEGER NOT NULL, REG_USER_ID VARCHAR(31) NOT NULL, {t}", "REG_ID, REG_TENANT_ID", [], {}),
    "REG_RESOURCE_RATING": ("REG_RATING_ID INTEGER NOT NULL, REG_VERSION INTEGER, REG_PATH_ID INTEGER, {t}", "", [],
                            {"REG_PATH_ID, REG_TENANT_ID": "REG_PATH(REG_PATH_ID, REG_TENANT_ID)",
                             "REG_RATING_ID, REG_TENANT_ID": "REG_RATING(REG_ID, REG_TENANT_ID)"}),
    "REG_TAG": ("REG_ID {id}, REG_TAG_NAME VARCHAR(500) NOT NULL, REG_USER_ID VARCHAR(31) NOT NULL, {t}", "REG_ID, REG_TENANT_ID", [], {}),
    "REG_RESOURCE_TAG": ("REG_TAG_ID INTEGER NOT NULL, REG_VERSION INTEGER, REG_PATH_ID INTEGER, {t}", "", [],
                         {"REG_PATH_ID, REG_TENANT_ID": "REG_PATH(REG_PATH_ID, REG_TENANT_ID)",
                          "REG_TAG_ID, REG_TENANT_ID": "REG_TAG(REG_ID, REG_TENANT_ID)"}),
    "REG_PROPERTY": ("REG_ID {id}, REG_NAME VARCHAR(100) NOT NULL, REG_VALUE VARCHAR(1000), {t}", "REG_ID, REG_TENANT_ID", [], {}),
    "REG_RESOURCE_PROPERTY": ("REG_PROPERTY_ID INTEGER NOT NULL, REG_VERSION INTEGER, REG_PATH_ID INTEGER, {t}", "", [],
                              {"REG_PATH_ID, REG_TENANT_ID": "REG_PATH(REG_PATH_ID, REG_TENANT_ID)",
                               "REG_PROPERTY_ID, REG_TENANT_ID": "REG_PROPERTY(REG_ID, REG_TENANT_ID)"}),
    "REG_ASSOCIATION": ("REG_ASSOCIATION_ID {id}, REG_SOURCEPATH VARCHAR(750) NOT NULL, REG_TARGETPATH VARCHAR(750) NOT NULL, {t}",
                        "REG_ASSOCIATION_ID, REG_TENANT_ID", [], {}),
    "REG_SNAPSHOT": ("REG_SNAPSHOT_ID {id}, REG_PATH_ID INTEGER NOT NULL, REG_RESOURCE_VIDS LONGBLOB NOT NULL, {t}",
                     "REG_SNAPSHOT_ID, REG_TENANT_ID", [], {"REG_PATH_ID, REG_TENANT_ID": "REG_PATH(REG_PATH_ID, REG_TENANT_ID)"}),
}  # fmt: skip

_UNIQUE_SINCE_6_6 = {"REG_PATH", "UM_DOMAIN", "UM_HYBRID_ROLE", "UM_SYSTEM_ROLE"}


def mysql57_sql() -> str:
    """The script for MySQL 5.7 and newer, before 6.6."""
    return _script("NOT NULL DEFAULT CURRENT_TIMESTAMP", _UNIQUE_SINCE_6_6)


def mysql_sql() -> str:
    """The older script; strict mode refuses it."""
    return _script("NOT NULL DEFAULT 0", _UNIQUE_SINCE_6_6)


def newest_sql() -> str:
    """The one script of 6.6."""
    return _script("NOT NULL DEFAULT CURRENT_TIMESTAMP")


def _script(time: str, without_unique: frozenset[str] | set[str] = frozenset()) -> str:
    text = ["-- STAND-IN for the kernel's script of the same name."]
    for name, (columns, primary, unique, foreign) in {**_REG, **_UM}.items():
        filled = columns.format(id=_ID, tenant=_TENANT, time=time, t=f"REG_TENANT_ID {_TENANT}")
        keys = [f"PRIMARY KEY ({primary})"] if primary else []
        keys += [f"UNIQUE ({columns})" for columns in unique if name not in without_unique]
        keys += [f"FOREIGN KEY ({column}) REFERENCES {target}" for column, target in foreign.items()]
        # As in the real script, the registry's tables may exist already and the users' may not.
        exists = "IF NOT EXISTS " if name.startswith("REG_") else ""
        text.append(f"CREATE TABLE {exists}{name} ({', '.join([filled, *keys])}) ENGINE INNODB;")
    text += [
        "CREATE INDEX REG_LOG_IND_BY_REG_LOGTIME USING HASH ON REG_LOG(REG_LOGGED_TIME, REG_TENANT_ID);",
        "CREATE INDEX INDEX_UM_PERMISSION_UM_RESOURCE_ID_UM_ACTION ON UM_PERMISSION (UM_RESOURCE_ID, UM_ACTION, UM_TENANT_ID);",
    ]
    return "\n".join(text) + "\n"
