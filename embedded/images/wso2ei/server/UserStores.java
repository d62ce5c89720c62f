import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.crypto.Cipher;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.directory.DirContext;
import javax.naming.directory.InitialDirContext;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import org.w3c.dom.Element;

/**
 * Secondary user stores: files of the folder userstores, each of one read-only directory (carbon-kernel v4.4.40:
 * UserStoreConfigXMLProcessor, UserStoreDeploymentManager, ReadOnlyLDAPUserStoreManager; carbon-identity-framework:
 * UserStoreConfigurationDeployer). A store that cannot be built, or whose directory refuses the connection, is logged and
 * not added, and the next attempt is when its file changes. Properties that the class does not know are ignored, as there.
 */
final class UserStores {
    private static final String FOLDER = "repository/deployment/server/userstores";
    private static final String IMITATED = "org.wso2.carbon.user.core.ldap.ReadOnlyLDAPUserStoreManager";
    private static final String DEPLOYER = "org.wso2.carbon.identity.user.store.configuration.deployer.UserStoreConfigurationDeployer";
    private static final List<String> MANDATORY = List.of("ConnectionURL", "ConnectionName", "ConnectionPassword", "UserSearchBase",
        "UserNameAttribute", "UserNameSearchFilter", "UserNameListFilter");
    private static final List<String> OF_GROUPS = List.of("GroupSearchBase", "GroupNameListFilter", "GroupNameSearchFilter",
        "GroupNameAttribute", "MembershipAttribute");
    private final Path home;
    private final Conf carbon;
    private final Database primary;
    private final Map<Path, Long> known = new HashMap<>();
    private final Map<Path, Map<String, String>> stores = new TreeMap<>();

    UserStores(Path home, Conf carbon, Database primary) {
        this.home = home;
        this.carbon = carbon;
        this.primary = primary;
    }

    /** Look once; called at the start and every DeploymentUpdateInterval. */
    synchronized void scan() {
        List<Path> found = new ArrayList<>();
        try (Stream<Path> files = Files.list(home.resolve(FOLDER))) {
            files.filter(file -> file.toString().endsWith(".xml")).forEach(found::add);
        } catch (IOException none) {
            // There is no folder before the first store.
        }
        known.keySet().retainAll(found);
        stores.keySet().retainAll(found);
        for (Path file : found) {
            try {
                long changed = Files.getLastModifiedTime(file).toMillis();
                if (Long.valueOf(changed).equals(known.put(file, changed))) continue;
                stores.remove(file);
                stores.put(file, deployed(file));
                Log.info("org.wso2.carbon.user.core.common.UserStoreDeploymentManager",
                    "Realm configuration of tenant:-1234  modified with " + file);
            } catch (IOException | RuntimeException | NamingException | SQLException error) {
                Log.error(DEPLOYER, "The deployment of " + file.getFileName() + " is not valid.", error);
            }
        }
    }

    /** The primary store, then the others; with DOMAIN/ in front, that one alone. AuthenticationAdmin wants a permission, too. */
    synchronized boolean mayLogIn(String name, String password) throws SQLException {
        String domain = name.contains("/") ? name.substring(0, name.indexOf('/')) : null;
        String user = name.substring(name.indexOf('/') + 1);
        if (domain == null || domain.equalsIgnoreCase("PRIMARY")) {
            if (primary.authenticates(user, password)) return true;
        }
        for (Map<String, String> store : stores.values()) {
            if (domain != null && !domain.equalsIgnoreCase(store.get("DomainName"))) continue;
            try {
                List<String> roles = roles(store, user, password);
                if (roles != null) return primary.mayLogIn(store.get("DomainName"), roles);
            } catch (NamingException error) {
                Log.error(IMITATED, "Error obtaining connection. " + error.getMessage(), error);
            }
        }
        return false;
    }

    /** The directory's groups of a user whose password it accepts, else null. */
    private static List<String> roles(Map<String, String> store, String user, String password) throws NamingException {
        DirContext service = bound(store, store.get("ConnectionName"), store.get("ConnectionPassword"));
        try {
            // To a directory, an empty password is an anonymous bind, which succeeds: doAuthenticate refuses it before.
            List<SearchResult> users = password.isEmpty() ? List.of() : search(service, store.get("UserSearchBase"),
                store.get("UserNameSearchFilter").replace("?", escaped(user)));
            if (users.isEmpty()) return null;
            String dn = users.get(0).getNameInNamespace();
            try {
                bound(store, dn, password).close();
            } catch (javax.naming.AuthenticationException wrong) {
                return null;
            }
            List<String> roles = new ArrayList<>();
            if ("false".equals(store.get("ReadGroups"))) return roles;
            String filter = "(&" + store.get("GroupNameListFilter") + "(" + store.get("MembershipAttribute") + "=" + escaped(dn) + "))";
            for (SearchResult group : search(service, store.get("GroupSearchBase"), filter)) {
                roles.add(group.getAttributes().get(store.get("GroupNameAttribute")).get().toString());
            }
            return roles;
        } finally {
            service.close();
        }
    }

    private Map<String, String> deployed(Path file) throws NamingException, SQLException {
        Conf conf = new Conf(home, home.relativize(file).toString(), Conf.Placeholders.PROPERTIES);
        String name = conf.root().getAttribute("class");
        if (!name.equals(IMITATED)) throw new IllegalStateException("STAND-IN: the user store " + name + " is unknown or not imitated");
        Map<String, String> store = new HashMap<>();
        for (Element property : Conf.children(conf.root(), "Property")) {
            String text = conf.fill(property.getTextContent()).trim();
            boolean encrypted = property.getAttribute("encrypted").equalsIgnoreCase("true");
            store.put(property.getAttribute("name").trim(), encrypted ? decrypted(property.getAttribute("name"), text) : text);
        }
        if (!file.getFileName().toString().replace(".xml", "").replace("_", ".").equalsIgnoreCase(store.get("DomainName"))) {
            throw new IllegalStateException("File name is required to be the user store domain name(eg.: wso2.com-->wso2_com.xml).");
        }
        List<String> needed = new ArrayList<>(MANDATORY);
        if (!"false".equals(store.get("ReadGroups"))) needed.addAll(OF_GROUPS);
        for (String property : needed) {
            if (store.getOrDefault(property, "").isEmpty()) {
                throw new IllegalStateException("Required " + property + " property is not set at the LDAP configurations");
            }
        }
        // LDAPConnectionContext takes the third part between colons: a URL without a port fails.
        if (store.get("ConnectionURL").split(":").length < 3) throw new ArrayIndexOutOfBoundsException("2");
        try {
            bound(store, store.get("ConnectionName"), store.get("ConnectionPassword")).close();
        } catch (NamingException error) {
            throw new IllegalStateException("Cannot create connection to LDAP server. Error message " + error.getMessage(), error);
        }
        primary.addDomain(store.get("DomainName"));
        return store;
    }

    private static DirContext bound(Map<String, String> store, String dn, String password) throws NamingException {
        Hashtable<String, String> environment = new Hashtable<>(Map.of(
            "java.naming.factory.initial", "com.sun.jndi.ldap.LdapCtxFactory", "java.naming.security.authentication", "simple",
            "java.naming.provider.url", store.get("ConnectionURL"), "java.naming.security.principal", dn,
            "java.naming.security.credentials", password, "com.sun.jndi.ldap.connect.timeout", "5000"));
        return new InitialDirContext(environment);
    }

    private static List<SearchResult> search(DirContext directory, String base, String filter) throws NamingException {
        SearchControls everything = new SearchControls();
        everything.setSearchScope(SearchControls.SUBTREE_SCOPE);
        List<SearchResult> found = new ArrayList<>();
        NamingEnumeration<SearchResult> results = directory.search(base, filter, everything);
        while (results.hasMore()) found.add(results.next());
        return found;
    }

    /** Of a filter (RFC 4515). */
    private static String escaped(String text) {
        return text.replace("\\", "\\5c").replace("*", "\\2a").replace("(", "\\28").replace(")", "\\29");
    }

    /** By the key of carbon.xml's KeyStore, as carbon.properties of EI has it (org.wso2.CipherTransformation); what it does not open stays as it is, and the directory refuses it. */
    private String decrypted(String property, String text) {
        String of = "Security/KeyStore/";
        try (InputStream in = Files.newInputStream(Path.of(carbon.required(of + "Location")))) {
            KeyStore store = KeyStore.getInstance(carbon.required(of + "Type"));
            store.load(in, carbon.required(of + "Password").toCharArray());
            Key key = store.getKey(carbon.required(of + "KeyAlias"), carbon.required(of + "KeyPassword").toCharArray());
            Cipher cipher = Cipher.getInstance("RSA/ECB/OAEPwithSHA1andMGF1Padding");
            cipher.init(Cipher.DECRYPT_MODE, key);
            return new String(cipher.doFinal(Base64.getMimeDecoder().decode(text)));
        } catch (IOException | GeneralSecurityException error) {
            Log.error("org.wso2.carbon.user.core.config.UserStoreConfigXMLProcessor", "encryption of Property=" + property + " failed", error);
            return text;
        }
    }
}
