package org.wso2.carbon.membership.scheme.kubernetes;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * STAND-IN for the Kubernetes membership scheme, in a jar of its own as the real one: each parameter from the
 * environment first, then from axis2.xml, by the function that the agent gives. Answers the addresses of all members.
 */
public final class KubernetesMembershipScheme implements Function<Function<String, String>, Set<String>> {
    private static final Pattern IP = Pattern.compile("\"ip\"\\s*:\\s*\"([^\"]+)\"");
    private Function<String, String> parameters;

    /** Addresses of all members, ready or not. */
    @Override
    public Set<String> apply(Function<String, String> parametersOfAxis2) {
        this.parameters = parametersOfAxis2;
        try {
            return addresses();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private Set<String> addresses() throws IOException {
        if (!"false".equals(setting("USE_DNS", "true"))) {
            throw new IOException("STAND-IN: the DNS mode of the membership scheme is not imitated; set USE_DNS to false");
        }
        String services = setting("KUBERNETES_SERVICES", "");
        if (services.isEmpty()) throw new IOException("KUBERNETES_SERVICES is not set");
        if ("true".equals(setting("KUBERNETES_MASTER_SKIP_SSL_VERIFICATION", "false"))) trustAll();
        Set<String> found = new LinkedHashSet<>();
        for (String service : services.split(",")) found.addAll(ask(service.trim()));
        if (found.isEmpty()) throw new IOException("No members found");
        return found;
    }

    private Set<String> ask(String service) throws IOException {
        String host = environment("KUBERNETES_SERVICE_HOST");
        String port = environment("KUBERNETES_SERVICE_PORT_HTTPS");
        String base = setting("KUBERNETES_API_SERVER", "https://" + host + ":" + port);
        URL url = new URL(base + "/api/v1/namespaces/" + setting("KUBERNETES_NAMESPACE", "default") + "/endpoints/" + service);
        HttpURLConnection connection = (HttpURLConnection) url.openConnection();
        connection.setConnectTimeout(5000);
        connection.setReadTimeout(10000);
        connection.setRequestProperty("Authorization", "Bearer " + token());
        if (connection.getResponseCode() != 200) {
            throw new IOException("Server returned HTTP response code: " + connection.getResponseCode() + " for URL: " + url);
        }
        String body = new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        Set<String> found = new LinkedHashSet<>();
        Matcher matcher = IP.matcher(body);
        while (matcher.find()) found.add(matcher.group(1));
        return found;
    }

    private String token() throws IOException {
        String given = setting("KUBERNETES_API_SERVER_TOKEN", "");
        if (!given.isEmpty()) return given;
        String file = System.getenv("BEARER_TOKEN_FILE_LOCATION");
        Path path = Path.of(file == null ? "/var/run/secrets/kubernetes.io/serviceaccount/token" : file);
        return Files.readString(path).trim();
    }

    private String setting(String name, String otherwise) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) value = parameters.apply(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static String environment(String name) throws IOException {
        String value = System.getenv(name);
        if (value == null) throw new IOException(name + " is not in the environment");
        return value;
    }

    /** As the real scheme: for the whole JVM. */
    private static void trustAll() throws IOException {
        try {
            TrustManager all = new X509TrustManager() {
                public void checkClientTrusted(java.security.cert.X509Certificate[] chain, String type) { }
                public void checkServerTrusted(java.security.cert.X509Certificate[] chain, String type) { }
                public java.security.cert.X509Certificate[] getAcceptedIssuers() { return new java.security.cert.X509Certificate[0]; }
            };
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {all}, new SecureRandom());
            HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
            HttpsURLConnection.setDefaultHostnameVerifier((name, session) -> true);
        } catch (java.security.GeneralSecurityException error) {
            throw new IOException(error);
        }
    }
}
