import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import org.w3c.dom.Element;

/** The order of Carbon's start: databases, gateway listeners, cluster, console listeners. */
public final class Main {
    /** Of a listener whose file lists none. */
    private static final String PROTOCOLS = "TLSv1,TLSv1.1,TLSv1.2";
    private static final String LOGGER = "org.wso2.carbon.core.init.CarbonServerManager";

    private Main() { }

    public static void main(String[] arguments) throws Exception {
        long started = System.currentTimeMillis();
        Path home = Path.of(System.getProperty("carbon.home"));
        Files.writeString(home.resolve("wso2carbon.pid"), Long.toString(ProcessHandle.current().pid()));
        Log.open(home);
        Log.info("org.wso2.carbon.core.internal.CarbonCoreActivator", "Starting WSO2 Carbon...");
        Log.info(LOGGER, "STAND-IN for WSO2 Enterprise Integrator " + System.getProperty("ei.version"));
        try {
            start(home, started);
        } catch (IllegalStateException | SQLException | IOException error) {
            Log.error(LOGGER, "Error while starting the server. Shutting down.", error);
            System.exit(1);
        }
        new CountDownLatch(1).await();
    }

    private static void start(Path home, long started) throws SQLException, IOException {
        // Before anything else of carbon.xml is read (SecretManagerInitializer).
        Vault vault = Vault.open(home);
        Conf carbon = new Conf(home, "conf/carbon.xml", Conf.Placeholders.PROPERTIES_AND_ENVIRONMENT);
        Conf axis2 = new Conf(home, "conf/axis2/axis2.xml", Conf.Placeholders.NONE);
        Conf datasources = new Conf(home, "conf/datasources/master-datasources.xml", Conf.Placeholders.PROPERTIES);
        Conf registry = new Conf(home, "conf/registry.xml", Conf.Placeholders.PROPERTIES);
        Conf users = new Conf(home, "conf/user-mgt.xml", Conf.Placeholders.PROPERTIES);
        Conf catalina = new Conf(home, "conf/tomcat/catalina-server.xml", Conf.Placeholders.PROPERTIES);
        trustStore(carbon);
        Database userDatabase = users(datasources, vault, users);
        registry(datasources, vault, registry);

        Properties nhttp = Conf.properties(home, "conf/nhttp.properties");
        // Before any listener opens: ListenerManager-RequiredServices of the kernel's application deployer names it.
        Cars cars = new Cars(home, serverRoles(carbon));
        Synapse synapse = new Synapse(home, cars);
        synapse.scan();
        UserStores stores = new UserStores(home, carbon, userDatabase);
        stores.scan();
        scanForEver(synapse, stores, Integer.parseInt(carbon.required("Axis2Config/DeploymentUpdateInterval")));
        // The kernel opens the store of carbon.xml, whatever the listeners use.
        Web.tls(Path.of(carbon.required("Security/KeyStore/Location")), carbon.required("Security/KeyStore/Type"),
            carbon.required("Security/KeyStore/Password"), carbon.required("Security/KeyStore/KeyPassword"), PROTOCOLS);
        String host = System.getenv().getOrDefault("HOSTNAME", "localhost");
        Web web = new Web(host, consoleUrl(carbon, catalina), proxyPort(catalina, ""), synapse,
            "true".equals(nhttp.getProperty("http.block_service_list")), userDatabase, stores,
            jndi -> Database.named(datasources, vault, jndi));
        Access access = Access.gateway(home);
        OptionalInt internal = Metrics.port(home);
        int offset = offset(carbon), https = port(axis2, "https") + offset;
        web.openGateway(port(axis2, "http") + offset, https, gatewayTls(home, axis2), access);
        Log.info("org.apache.synapse.transport.passthru.PassThroughHttpSSLListener", "Pass-through HTTPS Listener started on 0.0.0.0:" + https);
        if (internal.isPresent()) web.openInternalApi(internal.getAsInt(), access);

        Cluster cluster;
        try {
            cluster = cluster(axis2);
        } catch (IOException | IllegalStateException error) {
            // The kernel's StartupFinalizer stops here: the gateway listens, the console never will.
            Log.error("org.wso2.carbon.core.internal.StartupFinalizerServiceComponent", "Cannot initialize cluster", error);
            return;
        }
        web.openConsole(offset, consoleTls(catalina), Access.console(catalina));
        Log.info("org.wso2.carbon.ui.internal.CarbonUIServiceComponent", "Mgt Console URL  : " + consoleUrl(carbon, catalina));
        double seconds = (System.currentTimeMillis() - started) / 1000.0;
        Log.info("org.wso2.carbon.core.internal.StartupFinalizerServiceComponent",
            "WSO2 Carbon started in " + Math.max(1, Math.round(seconds)) + " sec");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(web, cluster)));
    }

    private static List<String> serverRoles(Conf carbon) {
        List<String> found = new ArrayList<>();
        for (Element role : Conf.children(Conf.element(carbon.root(), "ServerRoles"), "Role")) found.add(role.getTextContent().trim());
        return found;
    }

    /** Added to the ports of gateway and console: the system property, else carbon.xml (CarbonUtils.getPortOffset). */
    private static int offset(Conf carbon) {
        String configured = carbon.text("Ports/Offset");
        return Integer.getInteger("portOffset", configured == null ? 0 : Integer.parseInt(configured.trim()));
    }

    /** Port of a receiver; a listener with a bind-address that is not this pod's would not open (PassThroughListeningIOReactorManager). */
    private static int port(Conf axis2, String scheme) {
        int found = 0;
        for (Element receiver : Conf.children(axis2.root(), "transportReceiver")) {
            if (!receiver.getAttribute("name").equals(scheme)) continue;
            for (Element parameter : Conf.children(receiver, "parameter")) {
                if (parameter.getAttribute("name").equals("bind-address")) {
                    throw new IllegalStateException("Error binding " + scheme + " to " + parameter.getTextContent().trim());
                }
                if (parameter.getAttribute("name").equals("port")) found = Integer.parseInt(parameter.getTextContent().trim());
            }
        }
        if (found == 0) throw new IllegalStateException("The " + scheme + " listener of axis2.xml has no parameter port");
        return found;
    }

    /** The store of the https listener; a relative path is one below the home. */
    private static Web.Tls gatewayTls(Path home, Conf axis2) {
        for (Element receiver : Conf.children(axis2.root(), "transportReceiver")) {
            if (!receiver.getAttribute("name").equals("https")) continue;
            for (Element parameter : Conf.children(receiver, "parameter")) {
                if (!parameter.getAttribute("name").equals("keystore")) continue;
                Element store = Conf.element(parameter, "KeyStore");
                return Web.tls(home.resolve(text(store, "Location")), text(store, "Type"), text(store, "Password"),
                    text(store, "KeyPassword"), protocols(receiver));
            }
        }
        throw new IllegalStateException("The https listener of axis2.xml has no parameter keystore");
    }

    private static String protocols(Element receiver) {
        String found = PROTOCOLS;
        for (Element parameter : Conf.children(receiver, "parameter")) {
            if (parameter.getAttribute("name").equals("HttpsProtocols")) found = parameter.getTextContent();
        }
        return found;
    }

    /** The store of the connector on 9443: attributes of its own (Tomcat 7), or of its Certificate (Tomcat 9). */
    private static Web.Tls consoleTls(Conf catalina) {
        for (Element connector : Conf.children(Conf.element(catalina.root(), "Service"), "Connector")) {
            if (!connector.getAttribute("port").equals("9443")) continue;
            Element certificate = Conf.element(connector, "SSLHostConfig/Certificate");
            boolean newer = certificate != null;
            Element named = newer ? certificate : connector;
            String password = attribute(catalina, named, newer ? "certificateKeystorePassword" : "keystorePass", null);
            return Web.tls(Path.of(attribute(catalina, named, newer ? "certificateKeystoreFile" : "keystoreFile", null)),
                attribute(catalina, named, newer ? "certificateKeystoreType" : "keystoreType", "JKS"), password,
                attribute(catalina, named, newer ? "certificateKeyPassword" : "keyPass", password),
                newer ? attribute(catalina, Conf.element(connector, "SSLHostConfig"), "protocols", PROTOCOLS)
                    : attribute(catalina, connector, "sslEnabledProtocols", PROTOCOLS));
        }
        throw new IllegalStateException("catalina-server.xml has no connector on 9443");
    }

    private static String text(Element of, String name) {
        Element found = of == null ? null : Conf.element(of, name);
        if (found == null) throw new IllegalStateException("A KeyStore of axis2.xml has no " + name);
        return found.getTextContent().trim();
    }

    private static String attribute(Conf conf, Element of, String name, String otherwise) {
        if (of.hasAttribute(name)) return conf.fill(of.getAttribute(name));
        if (otherwise == null) throw new IllegalStateException("The connector on 9443 has no " + name);
        return otherwise;
    }

    /** As Carbon: the system property is overwritten from carbon.xml, whatever JAVA_OPTS said. */
    private static void trustStore(Conf carbon) {
        String location = carbon.required("Security/TrustStore/Location");
        if (!Files.isReadable(Path.of(location))) throw new IllegalStateException("Truststore " + location + " cannot be read");
        System.setProperty("javax.net.ssl.trustStore", location);
        System.setProperty("javax.net.ssl.trustStorePassword", carbon.required("Security/TrustStore/Password"));
        System.setProperty("javax.net.ssl.trustStoreType", carbon.required("Security/TrustStore/Type"));
    }

    private static Database users(Conf datasources, Vault vault, Conf users) throws SQLException {
        Element configuration = Conf.element(users.root(), "Realm/Configuration");
        if (configuration == null) throw new IllegalStateException("user-mgt.xml has no Realm/Configuration");
        String jndi = null;
        for (Element property : Conf.children(configuration, "Property")) {
            if (property.getAttribute("name").equals("dataSource")) jndi = property.getTextContent().trim();
        }
        if (jndi == null) throw new IllegalStateException("user-mgt.xml has no Property dataSource");
        Database database = Database.named(datasources, vault, jndi);
        database.needTables("UM_USER", "UM_ROLE", "UM_HYBRID_ROLE", "UM_PERMISSION", "UM_TENANT");
        if ("true".equals(users.text("Realm/Configuration/AddAdmin"))) {
            database.addAdmin(users.required("Realm/Configuration/AdminUser/UserName"),
                users.required("Realm/Configuration/AdminUser/Password"));
        }
        return database;
    }

    /** The registry behind the mounts; without a mount the registry would be the node's own. */
    private static void registry(Conf datasources, Vault vault, Conf registry) throws SQLException {
        for (Element mount : Conf.children(registry.root(), "mount")) {
            String instance = Conf.element(mount, "instanceId").getTextContent().trim();
            Element remote = byText(registry, "remoteInstance", "id", instance);
            String config = Conf.element(remote, "dbConfig").getTextContent().trim();
            for (Element database : Conf.children(registry.root(), "dbConfig")) {
                if (!database.getAttribute("name").equals(config)) continue;
                Database found = Database.named(datasources, vault, Conf.element(database, "dataSource").getTextContent().trim());
                found.needTables("REG_PATH", "REG_RESOURCE", "REG_LOG", "REG_CONTENT");
                found.addRegistryRoot();
            }
        }
    }

    private static Element byText(Conf conf, String name, String child, String text) {
        for (Element element : Conf.children(conf.root(), name)) {
            if (Conf.element(element, child).getTextContent().trim().equals(text)) return element;
        }
        throw new IllegalStateException("No " + name + " with " + child + " " + text);
    }

    private static String consoleUrl(Conf carbon, Conf catalina) {
        String host = carbon.text("MgtHostName");
        String port = proxyPort(catalina, "9443");
        return "https://" + (host == null ? "localhost" : host) + (port.equals("443") ? "" : ":" + port) + "/carbon/";
    }

    /** What the connector of 9443 says of the port that clients see. */
    private static String proxyPort(Conf catalina, String without) {
        for (Element connector : Conf.children(Conf.element(catalina.root(), "Service"), "Connector")) {
            if (connector.getAttribute("port").equals("9443") && connector.hasAttribute("proxyPort")) return connector.getAttribute("proxyPort");
        }
        return without;
    }

    private static Cluster cluster(Conf axis2) throws IOException {
        Element clustering = Conf.element(axis2.root(), "clustering");
        if (clustering == null || !"true".equals(clustering.getAttribute("enable"))) {
            Log.info(LOGGER, "Clustering is disabled");
            return null;
        }
        if (!clustering.getAttribute("class").equals("org.wso2.carbon.core.clustering.hazelcast.HazelcastClusteringAgent")) {
            throw new IOException("Cannot load clustering agent " + clustering.getAttribute("class"));
        }
        String name = need(clustering, "membershipScheme");
        if (!name.equals("kubernetes")) throw new IOException("STAND-IN: membership scheme " + name + " is not imitated");
        Function<Function<String, String>, Set<String>> scheme = scheme(need(clustering, "membershipSchemeClassName"));
        Cluster cluster = new Cluster(need(clustering, "domain"), Conf.parameter(clustering, "localMemberHost"),
            Integer.parseInt(need(clustering, "localMemberPort")));
        try {
            cluster.join(scheme.apply(parameter -> Conf.parameter(clustering, parameter)));
        } catch (UncheckedIOException error) {
            throw error.getCause();
        }
        return cluster;
    }

    /** The scheme is no part of the server: it comes in a jar, or it is not there. */
    @SuppressWarnings("unchecked")
    private static Function<Function<String, String>, Set<String>> scheme(String name) throws IOException {
        try {
            return (Function<Function<String, String>, Set<String>>) Class.forName(name).getDeclaredConstructor().newInstance();
        } catch (ReflectiveOperationException error) {
            throw new IOException("Cannot load the membership scheme " + name, error);
        }
    }

    private static String need(Element clustering, String name) throws IOException {
        String value = Conf.parameter(clustering, name);
        if (value == null || value.isEmpty()) throw new IOException("Parameter " + name + " is missing in the clustering section");
        return value;
    }

    private static void scanForEver(Synapse synapse, UserStores stores, int seconds) {
        Thread thread = new Thread(() -> {
            while (true) {
                try {
                    Thread.sleep(seconds * 1000L);
                } catch (InterruptedException error) {
                    return;
                }
                synapse.scan();
                stores.scan();
            }
        }, "deployer");
        thread.setDaemon(true);
        thread.start();
    }

    /** The kernel's hook: listeners first, then at most a minute for running requests, then the rest. */
    private static void stop(Web web, Cluster cluster) {
        Log.info(LOGGER, "Shutdown hook triggered....");
        Log.info("org.wso2.carbon.core.ServerManagement", "Stopping listeners, waiting for running requests");
        web.close(60);
        if (cluster != null) cluster.leave();
        Log.info(LOGGER, "Shutdown complete");
    }
}
