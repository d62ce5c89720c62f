import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.sql.SQLException;
import java.util.Base64;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

/** The listeners: 8280 and 8243 of the gateway, 9763 and 9443 of the console, unless files move them. */
final class Web {
    private final Map<String, String> sessions = new ConcurrentHashMap<>();
    private final Map<Integer, HttpServer> servers = new ConcurrentHashMap<>();
    private final AtomicInteger running = new AtomicInteger();
    private final Metrics metrics = new Metrics();

    private final String node;
    private final String consoleUrl;
    private final String proxyPort;
    private final Synapse synapse;
    private final boolean servicesBlocked;
    private final Database users;
    private final UserStores stores;
    private final Function<String, Database> datasources;

    Web(String node, String consoleUrl, String proxyPort, Synapse synapse, boolean servicesBlocked, Database users,
        UserStores stores, Function<String, Database> datasources) {
        this.node = node;
        this.consoleUrl = consoleUrl;
        this.proxyPort = proxyPort;
        this.synapse = synapse;
        this.servicesBlocked = servicesBlocked;
        this.users = users;
        this.stores = stores;
        this.datasources = datasources;
    }

    void openGateway(int http, int https, Tls tls, Access log) throws IOException {
        open(http, null, counted("http", this::gateway), log);
        open(https, tls, counted("https", this::gateway), log);
    }

    /** In clear text and for whoever reaches it. */
    void openInternalApi(int port, Access log) throws IOException {
        open(port, null, counted("http", metrics::answer), log);
    }

    private HttpHandler counted(String scheme, HttpHandler handler) {
        return exchange -> {
            handler.handle(exchange);
            String length = exchange.getResponseHeaders().getFirst("Content-Length");
            metrics.count(scheme, length == null ? 0 : Long.parseLong(length));
        };
    }

    void openConsole(int offset, Tls tls, Access log) throws IOException {
        open(9763 + offset, null, exchange -> redirect(exchange, consoleUrl), log);
        open(9443 + offset, tls, this::console, log);
    }

    /** Stop taking connections, and wait for running requests, at most this long. */
    void close(int seconds) {
        for (HttpServer server : servers.values()) {
            // With nothing under way, stop() of this JDK sits out its whole delay; so it runs beside the count.
            Thread thread = new Thread(() -> server.stop(seconds));
            thread.setDaemon(true);
            thread.start();
        }
        long end = System.currentTimeMillis() + seconds * 1000L;
        int quiet = 0;
        while (quiet < 5 && System.currentTimeMillis() < end) {
            quiet = running.get() == 0 ? quiet + 1 : 0;
            try {
                Thread.sleep(100);
            } catch (InterruptedException error) {
                return;
            }
        }
    }

    /** What a listener's own file says of TLS. */
    static final class Tls extends HttpsConfigurator {
        private final String[] protocols;

        Tls(SSLContext context, String protocols) {
            super(context);
            this.protocols = protocols.replace("+", "").trim().split("\\s*,\\s*");
        }

        @Override
        public void configure(HttpsParameters connection) {
            SSLParameters parameters = getSSLContext().getDefaultSSLParameters();
            parameters.setProtocols(protocols);
            connection.setSSLParameters(parameters);
        }
    }

    /** A listener's TLS from the keystore and the protocols that its own file names. */
    static Tls tls(Path keystore, String type, String password, String keyPassword, String protocols) {
        try (InputStream in = Files.newInputStream(keystore)) {
            KeyStore store = KeyStore.getInstance(type);
            store.load(in, password.toCharArray());
            KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
            keys.init(store, keyPassword.toCharArray());
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys.getKeyManagers(), null, null);
            return new Tls(context, protocols);
        } catch (IOException | java.security.GeneralSecurityException error) {
            throw new IllegalStateException("Error loading the keystore " + keystore, error);
        }
    }

    private void open(int port, Tls tls, HttpHandler handler, Access log) throws IOException {
        HttpServer server;
        if (tls == null) {
            server = HttpServer.create(new InetSocketAddress(port), 200);
        } else {
            HttpsServer secure = HttpsServer.create(new InetSocketAddress(port), 200);
            secure.setHttpsConfigurator(tls);
            server = secure;
        }
        server.setExecutor(Executors.newFixedThreadPool(64));
        server.createContext("/", exchange -> {
            running.incrementAndGet();
            try (exchange) {
                exchange.getRequestBody(); // without it, close() of this JDK closes the connection
                handler.handle(exchange);
                String length = exchange.getResponseHeaders().getFirst("Content-Length");
                log.write(exchange, length == null ? 0 : Long.parseLong(length));
            } catch (RuntimeException error) {
                Log.error("org.wso2.carbon.Web", "Error answering " + exchange.getRequestURI(), error);
            } finally {
                running.decrementAndGet();
            }
        });
        server.start();
        servers.put(port, server);
    }

    private void gateway(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        if (path.equals("/services") || path.equals("/services/")) {
            if (servicesBlocked) {
                exchange.sendResponseHeaders(403, -1); // no body: wso2-synapse, DefaultHttpGetProcessor
                return;
            }
            StringBuilder list = new StringBuilder();
            synapse.services().keySet().forEach(name -> list.append("<li><a href=\"/services/" + name + "?wsdl\">" + name + "</a></li>"));
            answer(exchange, 200, "text/html", "<html><head><title>Axis2: Services</title></head><body><h2>Deployed services</h2><ul>"
                + list + "</ul><!-- " + node + " --></body></html>");
            return;
        }
        Proxy proxy = proxy(path);
        if (proxy == null) {
            answer(exchange, 404, "text/html", "");
            return;
        }
        String header = proxy.header() == null ? null : exchange.getRequestHeaders().getFirst(proxy.header());
        if (header != null) Log.info("org.apache.synapse.mediators.builtin.LogMediator", proxy.logged() + " = " + header);
        exchange.getRequestBody().readAllBytes();
        try {
            Thread.sleep(proxy.delay());
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        String endpoint = proxy.endpoint() == null ? "" : ", \"endpoint\": \"" + proxy.endpoint() + "\"";
        StringBuilder found = new StringBuilder();
        try {
            if (proxy.lookup() != null) {
                proxy.lookup().run(datasources.apply(proxy.lookup().datasource()))
                    .forEach((name, value) -> found.append(", \"" + name + "\": \"" + value + "\""));
            }
        } catch (SQLException | IllegalStateException error) {
            // The real server runs the fault sequence, which here is always one that answers.
            Log.error("org.apache.synapse.mediators.db.DBLookupMediator", "SQL Exception occurred while executing statement : "
                + proxy.lookup().sql() + " against DataSource : " + proxy.lookup().datasource(), error);
            answer(exchange, 500, "application/json", "");
            return;
        }
        answer(exchange, 200, "application/json", "{\"node\": \"" + node + "\"" + endpoint + found + "}");
    }

    /** /services/NAME, and /services/t/DOMAIN/NAME of a tenant (MultitenantConstants.TENANT_AWARE_URL_PREFIX). */
    private Proxy proxy(String path) {
        if (!path.startsWith("/services/")) return null;
        String[] parts = path.substring(10).split("/");
        if (parts.length != 3 || !parts[0].equals("t")) return synapse.services().get(path.substring(10));
        try {
            return synapse.ofTenant(users.tenant(parts[1])).get(parts[2]);
        } catch (SQLException error) {
            Log.error("org.wso2.carbon.core.multitenancy.utils.TenantAxisUtils", "Error finding the tenant " + parts[1], error);
            return null;
        }
    }

    private void console(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        String host = seenByClients(exchange.getRequestHeaders().getFirst("Host"));
        switch (path) {
            case "/" -> redirect(exchange, "https://" + host + "/carbon");
            case "/carbon", "/carbon/" -> redirect(exchange, "https://" + host + "/carbon/admin/index.jsp");
            case "/carbon/admin/index.jsp" -> index(exchange);
            case "/carbon/admin/login.jsp" -> loginPage(exchange);
            case "/carbon/admin/login_action.jsp" -> login(exchange, host);
            case "/services/ProxyServiceAdmin" -> administer(exchange);
            default -> answer(exchange, 404, "text/html", "<html><body>HTTP Status 404 - Not Found</body></html>");
        }
    }

    /** Tomcat's absolute redirects: the name of the Host header, and the connector's proxyPort where it has one. */
    private String seenByClients(String host) {
        if (proxyPort.isEmpty()) return host;
        return host.replaceFirst(":\\d+$", "") + (proxyPort.equals("443") ? "" : ":" + proxyPort);
    }

    /** The user of a request's session; empty before the login, null without a session of this node. */
    private String user(HttpExchange exchange) {
        String cookie = exchange.getRequestHeaders().getFirst("Cookie");
        for (String part : (cookie == null ? "" : cookie).split(";\\s*")) {
            if (part.startsWith("JSESSIONID=")) return sessions.get(part.substring(11));
        }
        return null;
    }

    private void newSession(HttpExchange exchange, String user) {
        String session = UUID.randomUUID().toString();
        sessions.put(session, user);
        exchange.getResponseHeaders().add("Set-Cookie", "JSESSIONID=" + session + "; Path=/carbon; Secure; HttpOnly");
    }

    /** A JSP page has a session by default (JSP specification, page directive), which Tomcat creates where it has none. */
    private void loginPage(HttpExchange exchange) throws IOException {
        if (user(exchange) == null) newSession(exchange, "");
        answer(exchange, 200, "text/html;charset=UTF-8",
            "<html><head><title>WSO2 Enterprise Integrator (STAND-IN)</title></head><body><h1>Sign-in</h1>"
            + "<form action=\"../admin/login_action.jsp\" method=\"POST\"><input name=\"username\"><input name=\"password\" "
            + "type=\"password\"><input type=\"submit\" value=\"Sign-in\"></form></body></html>");
    }

    private void index(HttpExchange exchange) throws IOException {
        String user = user(exchange);
        if (user == null || user.isEmpty()) {
            redirect(exchange, "../admin/login.jsp");
            return;
        }
        answer(exchange, 200, "text/html;charset=UTF-8", "<html><body>Signed-in as: " + user + "@" + node + "</body></html>");
    }

    private void login(HttpExchange exchange, String host) throws IOException {
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        String name = field(body, "username");
        boolean good;
        try {
            good = stores.mayLogIn(name, field(body, "password"));
        } catch (SQLException error) {
            Log.error("org.wso2.carbon.core.services.authentication.AuthenticationAdmin", "System error while authenticating", error);
            good = false;
        }
        if (good) {
            newSession(exchange, name);
        } else {
            Log.warn("org.wso2.carbon.core.services.util.CarbonAuthenticationUtil", "Failed Administrator login attempt '" + name + "'");
        }
        redirect(exchange, "https://" + host + (good ? "/carbon/admin/index.jsp?loginStatus=true" : "/carbon/admin/login.jsp?loginStatus=false"));
    }

    /** An admin service, with the credentials in the request (BasicAccessAuthenticator); here for one operation. */
    private void administer(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readAllBytes();
        if (!authenticated(exchange.getRequestHeaders().getFirst("Authorization"))) {
            Log.warn("org.wso2.carbon.server.admin.module.handler.AuthenticationHandler", "Illegal access attempt at ProxyServiceAdmin");
            answer(exchange, 401, "text/xml", fault("Access Denied. Please login first"));
            return;
        }
        try {
            synapse.addProxy(body);
            answer(exchange, 200, "text/xml", envelope("<ns:addProxyResponse xmlns:ns=\"http://service.proxyadmin.carbon.wso2.org\">"
                + "<ns:return>successful</ns:return></ns:addProxyResponse>"));
        } catch (IllegalArgumentException | org.xml.sax.SAXException error) {
            Log.error("org.wso2.carbon.proxyadmin.service.ProxyServiceAdmin", String.valueOf(error.getMessage()), error);
            answer(exchange, 500, "text/xml", fault(String.valueOf(error.getMessage())));
        }
    }

    private boolean authenticated(String header) {
        try {
            if (header == null || !header.startsWith("Basic ")) return false;
            String[] given = new String(Base64.getDecoder().decode(header.substring(6)), StandardCharsets.UTF_8).split(":", 2);
            return given.length == 2 && stores.mayLogIn(given[0], given[1]);
        } catch (SQLException | IllegalArgumentException error) {
            return false;
        }
    }

    private static String envelope(String body) {
        return "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>" + body
            + "</soapenv:Body></soapenv:Envelope>";
    }

    private static String fault(String text) {
        return envelope("<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>" + text.replace("&", "&amp;").replace("<", "&lt;")
            + "</faultstring></soapenv:Fault>");
    }

    private static String field(String body, String name) {
        for (String pair : body.split("&")) {
            if (pair.startsWith(name + "=")) return URLDecoder.decode(pair.substring(name.length() + 1), StandardCharsets.UTF_8);
        }
        return "";
    }

    private static void redirect(HttpExchange exchange, String location) throws IOException {
        exchange.getResponseHeaders().set("Location", location);
        exchange.sendResponseHeaders(302, -1);
    }

    private static void answer(HttpExchange exchange, int status, String type, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        if (bytes.length > 0) exchange.getResponseBody().write(bytes);
    }
}
