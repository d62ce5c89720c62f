import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Base64;
import java.util.List;
import org.w3c.dom.Element;

/** Databases by the datasources of master-datasources.xml; those of users (UM_*) and registry (REG_*) are the server's own. */
final class Database {
    private static final int TENANT = -1234;
    private final String url;
    private final String user;
    private final String password;

    private Database(String url, String user, String password) {
        this.url = url;
        this.user = user;
        this.password = password;
    }

    /** The datasource behind a JNDI name. */
    static Database named(Conf datasources, Vault vault, String jndi) {
        Element all = Conf.element(datasources.root(), "datasources");
        for (Element source : all == null ? List.<Element>of() : Conf.children(all, "datasource")) {
            Element name = Conf.element(source, "jndiConfig/name");
            if (name == null || !name.getTextContent().trim().equals(jndi)) continue;
            Element settings = Conf.element(source, "definition/configuration");
            try {
                Class.forName(setting(datasources, settings, "driverClassName"));
            } catch (ClassNotFoundException error) {
                throw new IllegalStateException("Error in creating datasource " + jndi, error);
            }
            return new Database(setting(datasources, settings, "url"), setting(datasources, settings, "username"),
                password(datasources, vault, settings));
        }
        throw new IllegalStateException("javax.naming.NameNotFoundException: Name [" + jndi + "] is not bound");
    }

    private static String setting(Conf conf, Element settings, String name) {
        Element found = settings == null ? null : Conf.element(settings, name);
        if (found == null) throw new IllegalStateException("Datasource without " + name);
        return conf.fill(found.getTextContent().trim());
    }

    private static String password(Conf conf, Vault vault, Element settings) {
        Element element = Conf.element(settings, "password");
        if (element == null || !element.hasAttributeNS(Vault.NAMESPACE, "secretAlias")) return setting(conf, settings, "password");
        return vault.resolve(element.getAttributeNS(Vault.NAMESPACE, "secretAlias"));
    }

    Connection connect() throws SQLException { return DriverManager.getConnection(url, user, password); }

    /** Throws when a table that the server reads is not there. */
    void needTables(String... tables) throws SQLException {
        try (Connection connection = connect()) {
            for (String table : tables) {
                connection.createStatement().executeQuery("SELECT 1 FROM " + table + " LIMIT 1").close();
            }
        }
    }

    /**
     * Adds the administrator and its role on an empty database. Not one transaction, as in the real kernel: two nodes
     * that do it at the same time meet duplicate keys, and the one that comes second does not start.
     */
    void addAdmin(String admin, String adminPassword) throws SQLException {
        try (Connection connection = connect()) {
            if (exists(connection, "SELECT 1 FROM UM_USER WHERE UM_USER_NAME = '" + admin + "' AND UM_TENANT_ID = " + TENANT)) {
                return;
            }
            pause();
            byte[] random = new byte[16];
            new SecureRandom().nextBytes(random);
            String salt = Base64.getEncoder().encodeToString(random);
            insert(connection, "INSERT INTO UM_USER (UM_USER_NAME, UM_USER_PASSWORD, UM_SALT_VALUE, UM_REQUIRE_CHANGE, "
                + "UM_CHANGED_TIME, UM_TENANT_ID) VALUES (?, ?, ?, FALSE, NOW(), " + TENANT + ")",
                admin, hash(adminPassword, salt), salt);
            pause();
            insert(connection, "INSERT INTO UM_HYBRID_ROLE (UM_ROLE_NAME, UM_TENANT_ID) VALUES (?, " + TENANT + ")", "admin");
            insert(connection, "INSERT INTO UM_HYBRID_ROLE (UM_ROLE_NAME, UM_TENANT_ID) VALUES (?, " + TENANT + ")", "everyone");
        }
    }

    /** Adds the root of the registry on an empty database; not one transaction either. */
    void addRegistryRoot() throws SQLException {
        try (Connection connection = connect()) {
            if (exists(connection, "SELECT 1 FROM REG_PATH WHERE REG_PATH_VALUE = '/'")) return;
            pause();
            for (String path : new String[] {"/", "/_system", "/_system/config", "/_system/governance"}) {
                insert(connection, "INSERT INTO REG_PATH (REG_PATH_VALUE, REG_TENANT_ID) VALUES (?, " + TENANT + ")", path);
            }
        }
    }

    /** True when the password fits the stored hash; what the file says no longer matters then. */
    boolean authenticates(String name, String given) throws SQLException {
        try (Connection connection = connect();
             PreparedStatement query = connection.prepareStatement(
                 "SELECT UM_USER_PASSWORD, UM_SALT_VALUE FROM UM_USER WHERE UM_USER_NAME = ? AND UM_TENANT_ID = " + TENANT)) {
            query.setString(1, name);
            ResultSet row = query.executeQuery();
            return row.next() && row.getString(1).equals(hash(given, row.getString(2)));
        }
    }

    /** Names a secondary user store in the database, as persistDomain does. */
    void addDomain(String name) throws SQLException {
        try (Connection connection = connect();
             PreparedStatement query = connection.prepareStatement("SELECT 1 FROM UM_DOMAIN WHERE UM_DOMAIN_NAME = ? AND UM_TENANT_ID = " + TENANT)) {
            query.setString(1, name.toUpperCase());
            if (query.executeQuery().next()) return;
            insert(connection, "INSERT INTO UM_DOMAIN (UM_DOMAIN_NAME, UM_TENANT_ID) VALUES (?, " + TENANT + ")", name.toUpperCase());
        }
    }

    /** True when one of the roles, which are those of a secondary user store, has the permission to log in, or one above it. */
    boolean mayLogIn(String domain, List<String> roles) throws SQLException {
        try (Connection connection = connect();
             PreparedStatement query = connection.prepareStatement("SELECT 1 FROM UM_PERMISSION P JOIN UM_ROLE_PERMISSION R ON "
                 + "R.UM_PERMISSION_ID = P.UM_ID AND R.UM_TENANT_ID = P.UM_TENANT_ID JOIN UM_DOMAIN D ON R.UM_DOMAIN_ID = D.UM_DOMAIN_ID "
                 + "WHERE P.UM_RESOURCE_ID IN ('/permission', '/permission/admin', '/permission/admin/login') AND P.UM_ACTION = 'ui.execute' "
                 + "AND R.UM_IS_ALLOWED = 1 AND D.UM_DOMAIN_NAME = ? AND R.UM_ROLE_NAME = ? AND P.UM_TENANT_ID = " + TENANT)) {
            for (String role : roles) {
                query.setString(1, domain.toUpperCase());
                query.setString(2, role);
                if (query.executeQuery().next()) return true;
            }
            return false;
        }
    }

    /** The id of an active tenant by its domain, or 0. */
    int tenant(String domain) throws SQLException {
        try (Connection connection = connect();
             PreparedStatement query = connection.prepareStatement("SELECT UM_ID FROM UM_TENANT WHERE UM_DOMAIN_NAME = ? AND UM_ACTIVE")) {
            query.setString(1, domain);
            ResultSet row = query.executeQuery();
            return row.next() ? row.getInt(1) : 0;
        }
    }

    private static boolean exists(Connection connection, String query) throws SQLException {
        return connection.createStatement().executeQuery(query).next();
    }

    private static void insert(Connection connection, String statement, String... values) throws SQLException {
        try (PreparedStatement prepared = connection.prepareStatement(statement)) {
            for (int at = 0; at < values.length; at++) prepared.setString(at + 1, values[at]);
            prepared.executeUpdate();
        }
    }

    private static String hash(String password, String salt) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return Base64.getEncoder().encodeToString(digest.digest((password + salt).getBytes(StandardCharsets.UTF_8)));
        } catch (java.security.NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private static void pause() {
        try {
            Thread.sleep(400);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }
}
