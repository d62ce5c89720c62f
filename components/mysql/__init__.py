"""The database of an EI cluster: ``MysqlDatabase``, a MySQL server, and ``ExternalMysql``, an existing one."""
