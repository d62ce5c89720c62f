import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.UnrecoverableKeyException;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import javax.crypto.Cipher;

/**
 * The secure vault: what a configuration file names by {@code svns:secretAlias}; here only datasources do.
 *
 * As wso2/carbon-secvault (branch 1.x) and DefaultSecretCallbackHandler of wso2/carbon-kernel v4.4.26 to v4.5.3 have it:
 * a keystore that does not open stops the server, a value that does not decrypt becomes an empty one without a word, and
 * for an empty or missing one the alias itself is the secret.
 */
final class Vault {
    static final String NAMESPACE = "http://org.wso2.securevault/configuration";
    private static final String CONF = "conf/security/secret-conf.properties";
    private static final String HANDLER = "org.wso2.carbon.securevault.DefaultSecretCallbackHandler";
    private final Map<String, String> secrets = new HashMap<>();
    private boolean initialized;

    static Vault open(Path home) throws IOException {
        Vault vault = new Vault();
        Properties conf = Conf.properties(home, CONF);
        if (!conf.getProperty("secretRepositories", "").equals("file")) return vault;
        String storePassword = password(home, conf, "store");
        String keyPassword = password(home, conf, "key");
        // "Either Identity or Trust keystore password is mandatory" is a line of the debug log.
        if (storePassword == null || keyPassword == null || storePassword.isEmpty() || keyPassword.isEmpty()) return vault;
        Key key = key(conf, storePassword, keyPassword);
        Properties texts = Conf.properties(home, conf.getProperty("secretRepositories.file.location", "cipher-text.properties"));
        for (String alias : texts.stringPropertyNames()) {
            vault.secrets.put(alias, decrypted(key, conf.getProperty("secretRepositories.file.algorithm", "RSA"), texts.getProperty(alias)));
        }
        vault.initialized = true;
        return vault;
    }

    /** The secret behind an alias; null where there is no vault, and a datasource then has no password. */
    String resolve(String alias) {
        if (!initialized) return null;
        String secret = secrets.getOrDefault(alias, "");
        return secret.isEmpty() ? alias : secret;
    }

    private static String password(Path home, Properties conf, String what) throws IOException {
        String name = "keystore.identity." + what;
        String alias = conf.getProperty(name + ".password");
        String provider = conf.getProperty(name + ".secretProvider");
        if (provider == null) return alias;
        if (!provider.equals(HANDLER)) throw new IllegalStateException("STAND-IN: " + provider + " is not imitated");
        return fromFile(home).get(alias.equals("identity.key.password") ? 1 : 0);
    }

    private static List<String> lines;

    /** The handler's files in its order, and what becomes of them; it reads them once. */
    private static List<String> fromFile(Path home) throws IOException {
        if (lines != null) return lines;
        boolean two = "true".equals(System.getProperty("key.password"));
        for (String name : List.of("password", "password-tmp", "password-persist")) {
            Path file = home.resolve(name);
            if (!Files.exists(file)) continue;
            List<String> read = Files.readAllLines(file);
            String first = read.isEmpty() ? null : read.get(0);
            lines = java.util.Arrays.asList(first, !two ? first : read.size() > 1 ? read.get(1) : null);
            if (name.equals("password")) Files.move(file, home.resolve("password-tmp"));
            if (name.equals("password-tmp")) Files.delete(file);
            return lines;
        }
        return java.util.Arrays.asList(null, null);
    }

    private static Key key(Properties conf, String storePassword, String keyPassword) {
        String location = conf.getProperty("keystore.identity.location");
        String alias = conf.getProperty("keystore.identity.alias");
        String type = conf.getProperty("keystore.identity.type", "JKS");
        try (var in = Files.newInputStream(Path.of(location))) {
            KeyStore store = KeyStore.getInstance(type);
            store.load(in, storePassword.toCharArray());
            return store.getKey(alias, keyPassword.toCharArray());
        } catch (UnrecoverableKeyException error) {
            throw fault("org.wso2.securevault.keystore.IdentityKeyStoreWrapper", "Error loading key for alias : " + alias, error);
        } catch (IOException error) {
            throw fault("org.wso2.securevault.keystore." + type + "KeyStoreLoader", "IOError loading keyStore from ' " + location + " ' ", error);
        } catch (GeneralSecurityException error) {
            throw fault("org.wso2.securevault.keystore." + type + "KeyStoreLoader", "Error loading keyStore from ' " + location + " ' ", error);
        }
    }

    private static IllegalStateException fault(String logger, String text, Exception error) {
        Log.error(logger, text, error);
        return new IllegalStateException("org.wso2.securevault.SecureVaultException: " + text, error);
    }

    /** BaseCipher closes its stream in a "finally" that ignores what close() throws. */
    private static String decrypted(Key key, String algorithm, String text) {
        try {
            Cipher cipher = Cipher.getInstance(algorithm);
            cipher.init(Cipher.DECRYPT_MODE, key);
            return new String(cipher.doFinal(Base64.getMimeDecoder().decode(text.trim())));
        } catch (java.security.NoSuchAlgorithmException | javax.crypto.NoSuchPaddingException | java.security.InvalidKeyException error) {
            throw fault("org.wso2.securevault.BaseCipher", "There is no algorithm support for '" + algorithm + "'", error);
        } catch (GeneralSecurityException error) {
            return "";
        }
    }
}
