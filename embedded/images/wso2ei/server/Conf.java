import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.SAXException;

/** One configuration file, read as strictly as Carbon does, with the placeholders that Carbon fills in that file. */
final class Conf {
    /** Which placeholders a file may hold: axis2.xml is read raw, carbon.xml looks into the environment too. */
    enum Placeholders { NONE, PROPERTIES, PROPERTIES_AND_ENVIRONMENT }

    private static final Pattern PLACEHOLDER = Pattern.compile("\\$\\{([^}]+)}");
    private final Element root;
    private final Placeholders placeholders;
    private final String name;

    Conf(Path home, String file, Placeholders placeholders) {
        this.placeholders = placeholders;
        this.name = file;
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            Document document = factory.newDocumentBuilder().parse(home.resolve(file).toFile());
            this.root = document.getDocumentElement();
        } catch (SAXException | IOException | javax.xml.parsers.ParserConfigurationException error) {
            throw new IllegalStateException("Error reading " + file, error);
        }
    }

    static Properties properties(Path home, String file) {
        Properties found = new Properties();
        File path = home.resolve(file).toFile();
        if (path.exists()) {
            try (var in = Files.newInputStream(path.toPath())) {
                found.load(in);
            } catch (IOException error) {
                throw new IllegalStateException("Error reading " + file, error);
            }
        }
        return found;
    }

    Element root() { return root; }

    /** Text of the element at a path of child names below the root, or null. */
    String text(String path) {
        Element at = element(root, path);
        return at == null ? null : fill(at.getTextContent().trim());
    }

    /** As text(), but a missing or empty element is an error. */
    String required(String path) {
        String found = text(path);
        if (found == null || found.isEmpty()) {
            throw new IllegalStateException("Required element " + path + " is missing in " + name);
        }
        return found;
    }

    static Element element(Element from, String path) {
        Element at = from;
        for (String step : path.split("/")) {
            List<Element> found = children(at, step);
            if (found.isEmpty()) return null;
            at = found.get(0);
        }
        return at;
    }

    static List<Element> children(Element of, String name) {
        List<Element> found = new ArrayList<>();
        for (Node at = of.getFirstChild(); at != null; at = at.getNextSibling()) {
            if (at instanceof Element && ((Element) at).getTagName().replaceFirst("^.*:", "").equals(name)) {
                found.add((Element) at);
            }
        }
        return found;
    }

    /** Text of the child "parameter" with this name, or null. */
    static String parameter(Element of, String name) {
        for (Element parameter : children(of, "parameter")) {
            if (parameter.getAttribute("name").equals(name)) return parameter.getTextContent().trim();
        }
        return null;
    }

    String fill(String text) {
        if (placeholders == Placeholders.NONE) return text;
        Matcher matcher = PLACEHOLDER.matcher(text);
        StringBuilder filled = new StringBuilder();
        while (matcher.find()) {
            String value = System.getProperty(matcher.group(1));
            if (value == null && placeholders == Placeholders.PROPERTIES_AND_ENVIRONMENT) {
                value = System.getenv(matcher.group(1));
            }
            matcher.appendReplacement(filled, Matcher.quoteReplacement(value == null ? matcher.group() : value));
        }
        return matcher.appendTail(filled).toString();
    }
}
