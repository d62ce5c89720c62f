"""``MysqlDatabase``, a MySQL server for EI, and ``ExternalMysql``, one that exists already."""
