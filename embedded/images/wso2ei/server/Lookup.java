import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.w3c.dom.Element;

/** A dblookup mediator: the first row of one statement, as properties; its datasource is one of the server's, by JNDI. */
record Lookup(String datasource, String sql, Map<String, String> results) {
    static Lookup of(Element dblookup) {
        String name = text(dblookup, "dsName");
        if (name == null) {
            throw new IllegalArgumentException("The DataSource connection information must be specified for "
                + "using a custom DataSource connection pool or for a JNDI lookup");
        }
        Map<String, String> results = new LinkedHashMap<>();
        var found = dblookup.getElementsByTagNameNS("*", "result");
        for (int at = 0; at < found.getLength(); at++) {
            Element result = (Element) found.item(at);
            results.put(result.getAttribute("name"), result.getAttribute("column"));
        }
        return new Lookup(name, text(dblookup, "sql"), results);
    }

    /** Values by the name of the property. */
    Map<String, String> run(Database database) throws SQLException {
        Map<String, String> values = new LinkedHashMap<>();
        try (Connection connection = database.connect(); ResultSet row = connection.createStatement().executeQuery(sql)) {
            if (!row.next()) return values;
            for (var result : results.entrySet()) values.put(result.getKey(), row.getString(result.getValue()));
        }
        return values;
    }

    private static String text(Element of, String name) {
        var found = of.getElementsByTagNameNS("*", name);
        return found.getLength() == 0 ? null : found.item(0).getTextContent().trim();
    }
}
