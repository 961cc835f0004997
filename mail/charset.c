/* SPDX-License-Identifier: MIT
 * Character sets. Those of one byte are tables of what stands above ASCII, as IANA and their makers have them; where a
 * set has no character stands U+FFFD. Pure: any thread. */
#include "mail/charset.h"

#include <string.h>

#include <uchar.h>

#include "base/utf8.h"

struct charset {
	const char *names; /* divided by blanks, lower case; the first is the preferred one */
	unsigned char
	    first; /* bytes from here on are in the table, those before are ISO 8859-1's */
	const char16_t *upper; /* NULL: UTF-8 */
};

/* ASCII is a part of UTF-8, and what lies above in mail that calls itself ASCII most likely is UTF-8. */
static const struct charset utf8 = { "utf-8 utf8 us-ascii ascii ansi_x3.4-1968 iso646-us", 0,
	NULL };

static const struct charset unknown = { "", 0x80,
	u"����������������������������������������������������������������"
	u"����������������������������������������������������������������" };

/* clang-format off */
static const struct charset charsets[] = {
	{ "iso-8859-1 iso_8859-1 iso8859-1 latin1 l1 cp819 ibm819 iso-ir-100", 0xa0,
	    u"\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêë"
	    u"ìíîïðñòóôõö÷øùúûüýþÿ" },
	{ "iso-8859-2 iso_8859-2 iso8859-2 latin2 l2 iso-ir-101", 0xa0,
	    u"\u00a0Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u00adŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęë"
	    u"ěíîďđńňóôőö÷řůúűüýţ˙" },
	{ "iso-8859-3 iso_8859-3 iso8859-3 latin3 l3 iso-ir-109", 0xa0,
	    u"\u00a0Ħ˘£¤�Ĥ§¨İŞĞĴ\u00ad�Ż°ħ²³´µĥ·¸ışğĵ½�żÀÁÂ�ÄĊĈÇÈÉÊËÌÍÎÏ�ÑÒÓÔĠÖ×ĜÙÚÛÜŬŜßàáâ�äċĉçèéêë"
	    u"ìíîï�ñòóôġö÷ĝùúûüŭŝ˙" },
	{ "iso-8859-4 iso_8859-4 iso8859-4 latin4 l4 iso-ir-110", 0xa0,
	    u"\u00a0ĄĸŖ¤ĨĻ§¨ŠĒĢŦ\u00adŽ¯°ą˛ŗ´ĩļˇ¸šēģŧŊžŋĀÁÂÃÄÅÆĮČÉĘËĖÍÎĪĐŅŌĶÔÕÖ×ØŲÚÛÜŨŪßāáâãäåæįčéęë"
	    u"ėíîīđņōķôõö÷øųúûüũū˙" },
	{ "iso-8859-5 iso_8859-5 iso8859-5 cyrillic iso-ir-144", 0xa0,
	    u"\u00a0ЁЂЃЄЅІЇЈЉЊЋЌ\u00adЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъы"
	    u"ьэюя№ёђѓєѕіїјљњћќ§ўџ" },
	{ "iso-8859-6 iso_8859-6 iso8859-6 iso-8859-6-e iso-8859-6-i arabic ecma-114 asmo-708 iso-ir-127", 0xa0,
	    u"\u00a0���¤�������،\u00ad�������������\u061b���\u061f�\u0621\u0622\u0623\u0624\u0625"
	    u"\u0626\u0627\u0628\u0629\u062a\u062b\u062c\u062d\u062e\u062f\u0630\u0631\u0632\u0633"
	    u"\u0634\u0635\u0636\u0637\u0638\u0639\u063a�����\u0640\u0641\u0642\u0643\u0644\u0645"
	    u"\u0646\u0647\u0648\u0649\u064a\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652��������"
	    u"�����" },
	{ "iso-8859-7 iso_8859-7 iso8859-7 greek greek8 elot_928 ecma-118 iso-ir-126", 0xa0,
	    u"\u00a0‘’£€₯¦§¨©ͺ«¬\u00ad�―°±²³΄΅Ά·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ�ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλ"
	    u"μνξοπρςστυφχψωϊϋόύώ�" },
	{ "iso-8859-8 iso_8859-8 iso8859-8 iso-8859-8-e iso-8859-8-i hebrew iso-ir-138", 0xa0,
	    u"\u00a0�¢£¤¥¦§¨©×«¬\u00ad®¯°±²³´µ¶·¸¹÷»¼½¾��������������������������������‗\u05d0\u05d1"
	    u"\u05d2\u05d3\u05d4\u05d5\u05d6\u05d7\u05d8\u05d9\u05da\u05db\u05dc\u05dd\u05de\u05df"
	    u"\u05e0\u05e1\u05e2\u05e3\u05e4\u05e5\u05e6\u05e7\u05e8\u05e9\u05ea��\u200e\u200f�" },
	{ "iso-8859-9 iso_8859-9 iso8859-9 latin5 l5 iso-ir-148", 0xa0,
	    u"\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêë"
	    u"ìíîïğñòóôõö÷øùúûüışÿ" },
	{ "iso-8859-10 iso_8859-10 iso8859-10 latin6 l6 iso-ir-157", 0xa0,
	    u"\u00a0ĄĒĢĪĨĶ§ĻĐŠŦŽ\u00adŪŊ°ąēģīĩķ·ļđšŧž―ūŋĀÁÂÃÄÅÆĮČÉĘËĖÍÎÏÐŅŌÓÔÕÖŨØŲÚÛÜÝÞßāáâãäåæįčéęë"
	    u"ėíîïðņōóôõöũøųúûüýþĸ" },
	{ "iso-8859-11 iso_8859-11 iso8859-11 tis-620", 0xa0,
	    u"\u00a0กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลฦวศษสหฬอฮฯะ\u0e31าำ\u0e34\u0e35\u0e36\u0e37"
	    u"\u0e38\u0e39\u0e3a����฿เแโใไๅๆ\u0e47\u0e48\u0e49\u0e4a\u0e4b\u0e4c\u0e4d\u0e4e๏๐๑๒๓๔๕๖"
	    u"๗๘๙๚๛����" },
	{ "iso-8859-13 iso_8859-13 iso8859-13", 0xa0,
	    u"\u00a0”¢£¤„¦§Ø©Ŗ«¬\u00ad®Æ°±²³“µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźė"
	    u"ģķīļšńņóōõö÷ųłśūüżž’" },
	{ "iso-8859-14 iso_8859-14 iso8859-14 latin8 l8 iso-celtic iso-ir-199", 0xa0,
	    u"\u00a0Ḃḃ£ĊċḊ§Ẁ©ẂḋỲ\u00ad®ŸḞḟĠġṀṁ¶ṖẁṗẃṠỳẄẅṡÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏŴÑÒÓÔÕÖṪØÙÚÛÜÝŶßàáâãäåæçèéêë"
	    u"ìíîïŵñòóôõöṫøùúûüýŷÿ" },
	{ "iso-8859-15 iso_8859-15 iso8859-15 latin-9 latin9", 0xa0,
	    u"\u00a0¡¢£€¥Š§š©ª«¬\u00ad®¯°±²³Žµ¶·ž¹º»ŒœŸ¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêë"
	    u"ìíîïðñòóôõö÷øùúûüýþÿ" },
	{ "iso-8859-16 iso_8859-16 iso8859-16 latin10 l10 iso-ir-226", 0xa0,
	    u"\u00a0ĄąŁ€„Š§š©Ș«Ź\u00adźŻ°±ČłŽ”¶·žčș»ŒœŸżÀÁÂĂÄĆÆÇÈÉÊËÌÍÎÏĐŃÒÓÔŐÖŚŰÙÚÛÜĘȚßàáâăäćæçèéêë"
	    u"ìíîïđńòóôőöśűùúûüęțÿ" },
	{ "windows-1250 cp1250 x-cp1250", 0x80,
	    u"€�‚�„…†‡�‰Š‹ŚŤŽŹ�‘’“”•–—�™š›śťžź\u00a0ˇ˘Ł¤Ą¦§¨©Ş«¬\u00ad®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľżŔÁÂĂÄĹĆÇČÉĘË"
	    u"ĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙" },
	{ "windows-1251 cp1251 x-cp1251", 0x80,
	    u"ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—�™љ›њќћџ\u00a0ЎўЈ¤Ґ¦§Ё©Є«¬\u00ad®Ї°±Ііґµ¶·ё№є»јЅѕїАБВГДЕЖЗИЙКЛ"
	    u"МНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя" },
	{ "windows-1252 cp1252 x-cp1252", 0x80,
	    u"€�‚ƒ„…†‡ˆ‰Š‹Œ�Ž��‘’“”•–—˜™š›œ�žŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊË"
	    u"ÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ" },
	{ "windows-1253 cp1253 x-cp1253", 0x80,
	    u"€�‚ƒ„…†‡�‰�‹�����‘’“”•–—�™�›����\u00a0΅Ά£¤¥¦§¨©�«¬\u00ad®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛ"
	    u"ΜΝΞΟΠΡ�ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ�" },
	{ "windows-1254 cp1254 x-cp1254", 0x80,
	    u"€�‚ƒ„…†‡ˆ‰Š‹Œ����‘’“”•–—˜™š›œ��Ÿ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊË"
	    u"ÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ" },
	{ "windows-1255 cp1255 x-cp1255", 0x80,
	    u"€�‚ƒ„…†‡ˆ‰�‹�����‘’“”•–—˜™�›����\u00a0¡¢£₪¥¦§¨©×«¬\u00ad®¯°±²³´µ¶·¸¹÷»¼½¾¿\u05b0\u05b1"
	    u"\u05b2\u05b3\u05b4\u05b5\u05b6\u05b7\u05b8\u05b9�\u05bb\u05bc\u05bd\u05be\u05bf\u05c0"
	    u"\u05c1\u05c2\u05c3\u05f0\u05f1\u05f2\u05f3\u05f4�������\u05d0\u05d1\u05d2\u05d3\u05d4"
	    u"\u05d5\u05d6\u05d7\u05d8\u05d9\u05da\u05db\u05dc\u05dd\u05de\u05df\u05e0\u05e1\u05e2"
	    u"\u05e3\u05e4\u05e5\u05e6\u05e7\u05e8\u05e9\u05ea��\u200e\u200f�" },
	{ "windows-1256 cp1256 x-cp1256", 0x80,
	    u"€\u067e‚ƒ„…†‡ˆ‰\u0679‹Œ\u0686\u0698\u0688\u06af‘’“”•–—\u06a9™\u0691›œ\u200c\u200d"
	    u"\u06ba\u00a0،¢£¤¥¦§¨©\u06be«¬\u00ad®¯°±²³´µ¶·¸¹\u061b»¼½¾\u061f\u06c1\u0621\u0622"
	    u"\u0623\u0624\u0625\u0626\u0627\u0628\u0629\u062a\u062b\u062c\u062d\u062e\u062f\u0630"
	    u"\u0631\u0632\u0633\u0634\u0635\u0636×\u0637\u0638\u0639\u063a\u0640\u0641\u0642\u0643à"
	    u"\u0644â\u0645\u0646\u0647\u0648çèéêë\u0649\u064aîï\u064b\u064c\u064d\u064eô\u064f"
	    u"\u0650÷\u0651ù\u0652ûü\u200e\u200f\u06d2" },
	{ "windows-1257 cp1257 x-cp1257", 0x80,
	    u"€�‚�„…†‡�‰�‹�¨ˇ¸�‘’“”•–—�™�›�¯˛�\u00a0�¢£¤�¦§Ø©Ŗ«¬\u00ad®Æ°±²³´µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖ"
	    u"ĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙" },
	{ "windows-1258 cp1258 x-cp1258", 0x80,
	    u"€�‚ƒ„…†‡ˆ‰�‹Œ����‘’“”•–—˜™�›œ��Ÿ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂĂÄÅÆÇÈÉÊË"
	    u"\u0300ÍÎÏĐÑ\u0309ÓÔƠÖ×ØÙÚÛÜƯ\u0303ßàáâăäåæçèéêë\u0301íîïđñ\u0323óôơö÷øùúûüư₫ÿ" },
	{ "koi8-r cskoi8r koi8", 0x80,
	    u"─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u00a0⌡°²·÷═║╒ё╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡Ё╢╣╤╥╦╧╨╩╪╫╬©юабцдефгхийклмноп"
	    u"ярстужвьызшэщчъЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ" },
	{ "koi8-u koi8-ru", 0x80,
	    u"─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u00a0⌡°²·÷═║╒ёє╔ії╗╘╙╚╛ґ╝╞╟╠╡ЁЄ╣ІЇ╦╧╨╩╪Ґ╬©юабцдефгхийклмноп"
	    u"ярстужвьызшэщчъЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ" },
};
/* clang-format on */

static bool has_name(const struct charset *charset, struct span name)
{
	for (const char *p = charset->names; *p != '\0'; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (span_is_same((struct span){ p, n }, name)) {
			return true;
		}
		p += n;
	}
	return false;
}

const struct charset *charset_find(struct span name)
{
	if (has_name(&utf8, name)) {
		return &utf8;
	}
	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++) {
		if (has_name(&charsets[i], name)) {
			return &charsets[i];
		}
	}
	return &unknown;
}

const struct charset *charset_utf8(void)
{
	return &utf8;
}

/* One that is a single byte above ASCII is no character. */
static size_t put_symbol(char *out, uint32_t symbol)
{
	size_t n = symbol < 0x80 ? 1 : symbol < 0x10000 ? 2 : symbol < 0x1000000 ? 3 : 4;

	if (symbol >= 0x80 && symbol < 0x100) {
		return utf8_write(out, 0xfffd);
	}
	for (size_t i = n; i-- > 0; symbol >>= 8) {
		out[i] = (char)symbol;
	}
	return n;
}

size_t charset_decode(struct charset_stream *stream, struct span in, bool is_end, char *out)
{
	const struct charset *charset = stream->charset;
	uint32_t symbol;
	size_t n_out = 0;

	while (charset->upper == NULL && symbols_next(&stream->symbols, &in, is_end, &symbol)) {
		n_out += put_symbol(out + n_out, symbol);
	}
	if (charset->upper == NULL) {
		return n_out;
	}
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];

		n_out += utf8_write(
		    out + n_out, c < charset->first ? c : charset->upper[c - charset->first]);
	}
	return n_out;
}

struct span charset_text(const struct charset *charset, struct span bytes, struct arena *arena)
{
	struct charset_stream stream = { charset };
	struct span text = bytes;
	char *out;

	if (charset->upper == NULL && utf8_is_valid(bytes.p, bytes.n)) {
		return text;
	}
	out = arena_alloc(arena, CHARSET_GROWTH * (bytes.n + 4));
	text.p = out;
	text.n = out == NULL ? 0 : charset_decode(&stream, bytes, true, out);
	return text;
}
