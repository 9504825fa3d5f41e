package xlrec;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.FilteringTokenFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.ar.ArabicAnalyzer;
import org.apache.lucene.analysis.bg.BulgarianAnalyzer;
import org.apache.lucene.analysis.bn.BengaliAnalyzer;
import org.apache.lucene.analysis.br.BrazilianAnalyzer;
import org.apache.lucene.analysis.ca.CatalanAnalyzer;
import org.apache.lucene.analysis.cjk.CJKAnalyzer;
import org.apache.lucene.analysis.ckb.SoraniAnalyzer;
import org.apache.lucene.analysis.cz.CzechAnalyzer;
import org.apache.lucene.analysis.da.DanishAnalyzer;
import org.apache.lucene.analysis.de.GermanAnalyzer;
import org.apache.lucene.analysis.el.GreekAnalyzer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.es.SpanishAnalyzer;
import org.apache.lucene.analysis.et.EstonianAnalyzer;
import org.apache.lucene.analysis.eu.BasqueAnalyzer;
import org.apache.lucene.analysis.fa.PersianAnalyzer;
import org.apache.lucene.analysis.fi.FinnishAnalyzer;
import org.apache.lucene.analysis.fr.FrenchAnalyzer;
import org.apache.lucene.analysis.ga.IrishAnalyzer;
import org.apache.lucene.analysis.gl.GalicianAnalyzer;
import org.apache.lucene.analysis.hi.HindiAnalyzer;
import org.apache.lucene.analysis.hu.HungarianAnalyzer;
import org.apache.lucene.analysis.hy.ArmenianAnalyzer;
import org.apache.lucene.analysis.id.IndonesianAnalyzer;
import org.apache.lucene.analysis.it.ItalianAnalyzer;
import org.apache.lucene.analysis.lt.LithuanianAnalyzer;
import org.apache.lucene.analysis.lv.LatvianAnalyzer;
import org.apache.lucene.analysis.nl.DutchAnalyzer;
import org.apache.lucene.analysis.no.NorwegianAnalyzer;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.apache.lucene.analysis.pt.PortugueseAnalyzer;
import org.apache.lucene.analysis.ro.RomanianAnalyzer;
import org.apache.lucene.analysis.ru.RussianAnalyzer;
import org.apache.lucene.analysis.sr.SerbianAnalyzer;
import org.apache.lucene.analysis.sv.SwedishAnalyzer;
import org.apache.lucene.analysis.th.ThaiAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.analysis.tr.TurkishAnalyzer;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AnalyzerProvider;
import org.elasticsearch.index.analysis.AnalyzerScope;
import org.elasticsearch.index.analysis.PreBuiltAnalyzerProvider;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * What the stripped server from Maven Central lacks of Elasticsearch's analysis-common module, under
 * Elasticsearch's own names: the language analyzers, and the three parts that the security index is
 * mapped with. Settings of one's own (stopwords, stem_exclusion) are not read: a mapping that names
 * an analyzer gets Lucene's defaults, as it does from Elasticsearch.
 *
 * <p>The source compiles against 8.19 and 9.x alike; that is why token filters implement the
 * interface and do not extend AbstractTokenFilterFactory, whose constructor differs.
 */
public final class LanguageAnalysis extends Plugin implements AnalysisPlugin {

  private static Map<String, Analyzer> languages() {
    return Map.ofEntries(
        Map.entry("arabic", new ArabicAnalyzer()),
        Map.entry("armenian", new ArmenianAnalyzer()),
        Map.entry("basque", new BasqueAnalyzer()),
        Map.entry("bengali", new BengaliAnalyzer()),
        Map.entry("brazilian", new BrazilianAnalyzer()),
        Map.entry("bulgarian", new BulgarianAnalyzer()),
        Map.entry("catalan", new CatalanAnalyzer()),
        Map.entry("cjk", new CJKAnalyzer()),
        Map.entry("czech", new CzechAnalyzer()),
        Map.entry("danish", new DanishAnalyzer()),
        Map.entry("dutch", new DutchAnalyzer()),
        Map.entry("english", new EnglishAnalyzer()),
        Map.entry("estonian", new EstonianAnalyzer()),
        Map.entry("finnish", new FinnishAnalyzer()),
        Map.entry("french", new FrenchAnalyzer()),
        Map.entry("galician", new GalicianAnalyzer()),
        Map.entry("german", new GermanAnalyzer()),
        Map.entry("greek", new GreekAnalyzer()),
        Map.entry("hindi", new HindiAnalyzer()),
        Map.entry("hungarian", new HungarianAnalyzer()),
        Map.entry("indonesian", new IndonesianAnalyzer()),
        Map.entry("irish", new IrishAnalyzer()),
        Map.entry("italian", new ItalianAnalyzer()),
        Map.entry("latvian", new LatvianAnalyzer()),
        Map.entry("lithuanian", new LithuanianAnalyzer()),
        Map.entry("norwegian", new NorwegianAnalyzer()),
        Map.entry("persian", new PersianAnalyzer()),
        Map.entry("portuguese", new PortugueseAnalyzer()),
        Map.entry("romanian", new RomanianAnalyzer()),
        Map.entry("russian", new RussianAnalyzer()),
        Map.entry("serbian", new SerbianAnalyzer()),
        Map.entry("sorani", new SoraniAnalyzer()),
        Map.entry("spanish", new SpanishAnalyzer()),
        Map.entry("swedish", new SwedishAnalyzer()),
        Map.entry("thai", new ThaiAnalyzer()),
        Map.entry("turkish", new TurkishAnalyzer()));
  }

  @Override
  public Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> getAnalyzers() {
    Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> providers = new TreeMap<>();
    languages()
        .forEach(
            (language, analyzer) -> {
              // One instance for the whole node; the scope keeps a closing index from closing it.
              var provider =
                  new PreBuiltAnalyzerProvider(language, AnalyzerScope.INDICES, analyzer);
              providers.put(language, (index, environment, name, settings) -> provider);
            });
    return providers;
  }

  @Override
  public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
    return Map.of(
        "uax_url_email",
        (index, environment, name, settings) ->
            TokenizerFactory.newFactory(name, UAX29URLEmailTokenizer::new));
  }

  @Override
  public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
    return Map.of(
        "pattern_capture",
        (index, environment, name, settings) -> tokenFilter(name, patternCapture(settings)),
        "unique",
        (index, environment, name, settings) -> tokenFilter(name, UniqueTokenFilter::new));
  }

  private static UnaryOperator<TokenStream> patternCapture(Settings settings) {
    List<String> patterns = settings.getAsList("patterns");
    Pattern[] compiled = patterns.stream().map(Pattern::compile).toArray(Pattern[]::new);
    boolean preserveOriginal = settings.getAsBoolean("preserve_original", true);
    return tokens -> new PatternCaptureGroupTokenFilter(tokens, preserveOriginal, compiled);
  }

  private static TokenFilterFactory tokenFilter(String name, UnaryOperator<TokenStream> filter) {
    return new TokenFilterFactory() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public TokenStream create(TokenStream tokens) {
        return filter.apply(tokens);
      }
    };
  }

  /** Lets each term through once a text; Lucene's own filter compares within one position only. */
  private static final class UniqueTokenFilter extends FilteringTokenFilter {
    private final CharTermAttribute term = addAttribute(CharTermAttribute.class);
    private final CharArraySet seen = new CharArraySet(8, false);

    UniqueTokenFilter(TokenStream tokens) {
      super(tokens);
    }

    @Override
    protected boolean accept() {
      // As a String: the attribute's buffer is overwritten by the next token.
      return seen.add(term.toString());
    }

    @Override
    public void reset() throws java.io.IOException {
      super.reset();
      seen.clear();
    }
  }
}
